//! `env`: the assignments for a shell.

use super::Machine;

/// BI-02: assignments are quoted for each shell, and shown only on a terminal and on request.
#[test]
fn assignments_are_shown_only_on_request() {
    let machine = Machine::new();
    machine.check(
        "env_without_reveal",
        machine.run(&["env", "--profile", "work"]),
    );
    machine.check(
        "env_piped",
        machine.run(&["env", "--profile", "work", "--reveal"]),
    );
    let json = machine
        .run(&["env", "--profile", "work", "--json"])
        .expect_code(0);
    machine.check("env_json", json);
    let nasty = "it's-$(a)-\"token\"-of-a-gateway-12345";
    machine.profile(
        "odd",
        &["--origin", "https://gateway.example", "--direct"],
        nasty,
    );
    for (shell, expected) in [
        (
            "bash",
            "unset ANTHROPIC_API_KEY\r\nexport ANTHROPIC_AUTH_TOKEN='it'\\''s-$(a)-\"token\"-of-a-gateway-12345'\r\n",
        ),
        (
            "fish",
            "set -e ANTHROPIC_API_KEY\r\nset -gx ANTHROPIC_AUTH_TOKEN 'it\\'s-$(a)-\"token\"-of-a-gateway-12345'\r\n",
        ),
        (
            "powershell",
            "$env:ANTHROPIC_AUTH_TOKEN = 'it''s-$(a)-\"token\"-of-a-gateway-12345'\r\n",
        ),
    ] {
        let mut command =
            machine.command(&["env", "--profile", "odd", "--reveal", "--shell", shell]);
        command.env("ANTHROPIC_API_KEY", "stray");
        let shown = machine
            .case
            .home
            .run_at_terminal(&mut command, &[])
            .expect_code(0);
        assert!(shown.stdout.contains(expected), "{shell}: {}", shown.stdout);
    }
}

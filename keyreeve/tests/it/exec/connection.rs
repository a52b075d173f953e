//! Connections of a started program: no virtual key through a proxy, and no raw key over an unchecked connection.

use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::Decoy;

use super::Machine;
use crate::case::assert_exit;

/// Prints the hosts that are reached without a proxy.
const PRINTER: &str = "#!/bin/sh\necho \"$NO_PROXY $no_proxy\"\n";

/// Asks for the models with `curl`, and without it prints that.
const CURL: &str = "#!/bin/sh\ncommand -v curl >/dev/null || { echo none; exit; }\n\
    exec curl -s -m 10 -o /dev/null -w '%{http_code}' -H \"anthropic-version: 2023-06-01\" -H \"Authorization: Bearer $ANTHROPIC_AUTH_TOKEN\" \"$ANTHROPIC_BASE_URL/v1/models\"\n";

/// F-06: the virtual key of a run goes to the gateway and never to a proxy.
#[test]
fn virtual_key_does_not_go_through_a_proxy() {
    let (machine, sandbox, proxy) = (Machine::new(), Sandbox::start(), Decoy::start());
    let origin = sandbox.base_url();
    let simulated = ["--origin", &origin, "--insecure-loopback", "--simulated"];
    machine.profile("box", &simulated, machine.key.value());
    machine.program("asks", CURL);
    machine.program("prints", PRINTER);
    let address = proxy.base_url();
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "Http_Proxy",
    ] {
        let asks = ["exec", "--gateway", "--profile", "box", "--", "asks"];
        let mut command = machine.command(&asks);
        let asked = machine.case.home.run(command.env(name, &address));
        assert!(
            ["200", "none\n"].contains(&asked.stdout.as_str()),
            "{name}: {} {}",
            asked.stdout,
            asked.stderr
        );
        let prints = ["exec", "--gateway", "--profile", "box", "--", "prints"];
        let mut command = machine.command(&prints);
        command
            .env(name, &address)
            .env("NO_PROXY", "a.example, b.example")
            .env("no_proxy", "c.example");
        let printed = machine.case.home.run(&mut command).expect_code(0).stdout;
        let (upper, lower) = printed.trim().split_once(' ').unwrap();
        assert_eq!(upper, lower, "{name}");
        let mut hosts: Vec<_> = upper.split(',').collect();
        hosts.sort_unstable();
        assert_eq!(hosts, ["127.0.0.1", "a.example", "b.example", "c.example"]);
    }
    let without = ["exec", "--gateway", "--profile", "box", "--", "prints"];
    assert_eq!(machine.run(&without).expect_code(0).stdout, " \n");
    proxy.assert_untouched();
}

/// F-06: settings that undo it for Claude Code are refused by name.
#[test]
fn settings_that_lead_the_virtual_key_to_a_proxy_are_refused() {
    let machine = Machine::new();
    machine.program("claude", PRINTER);
    let exec = [
        "exec",
        "--gateway",
        "--profile",
        "work",
        "--",
        "claude",
        "-p",
    ];
    let settings = |text: &str| machine.file("home/.claude/settings.json", text);
    settings(r#"{"env": {"HTTPS_PROXY": "http://127.0.0.1:9"}}"#);
    let printed = machine.run(&exec).expect_code(0).stdout;
    assert!(printed.starts_with("127.0.0.1 "), "{printed}");
    settings(r#"{"env": {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "a.example"}}"#);
    machine.check("exec_gateway_behind_proxy", machine.run(&exec));
    settings(r#"{"env": {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}}"#);
    assert_exit(machine.run(&exec), 0);
}

/// F-06: a raw key is not started over an unchecked connection.
#[test]
fn raw_key_is_not_sent_over_an_unchecked_connection() {
    let machine = Machine::new();
    machine.login();
    for credential in [
        &["--profile", "work"][..],
        &["--native"],
        &["--env", "MINE"],
    ] {
        let arguments = [&["exec"], credential, &["--", "claude", "-p"]].concat();
        let mut command = machine.command(&arguments);
        command
            .env("MINE", machine.key.value())
            .env("HTTPS_PROXY", "http://proxy.example")
            .env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
        let result = machine.case.home.run(&mut command);
        assert_eq!(result.code, 8, "{credential:?}: {}", result.stderr);
        assert_eq!(result.stdout, "", "nothing was started");
    }
    let exec = ["exec", "--profile", "work", "--", "claude", "-p"];
    let mut command = machine.command(&exec);
    command.env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    machine.check("exec_tls_unchecked", machine.case.home.run(&mut command));
    let mut command = machine.command(&exec);
    command.env("NODE_TLS_REJECT_UNAUTHORIZED", "1");
    assert_exit(machine.case.home.run(&mut command), 0);
    let settings = "{\"env\": {\n\"NODE_TLS_REJECT_UNAUTHORIZED\": \"0\"}}";
    machine.file("home/.claude/settings.json", settings);
    let result = machine.run(&exec).expect_code(8);
    let named = "env.NODE_TLS_REJECT_UNAUTHORIZED in ";
    assert!(
        result.stderr.contains(named) && result.stderr.contains("settings.json:2"),
        "{}",
        result.stderr
    );
    // Behind the gateway, the program has no credential that a proxy could read.
    let gateway = [
        "exec",
        "--gateway",
        "--profile",
        "work",
        "--",
        "claude",
        "-p",
    ];
    assert_exit(machine.run(&gateway), 0);
}

/// F-06: a proxy that can read a raw key is named before the program starts.
#[test]
fn proxy_with_certificates_is_named() {
    let machine = Machine::new();
    let warning = |variables: &[(&str, &str)]| {
        let mut command = machine.command(&["exec", "--profile", "work", "--", "tool"]);
        command.envs(variables.iter().copied());
        let result = machine.case.home.run(&mut command).expect_code(0);
        result.stderr.contains("the proxy can read the credential")
    };
    let proxy = ("https_proxy", "http://proxy.example");
    for name in ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
        let certificates = (name, "/etc/company.pem");
        assert!(warning(&[proxy, certificates]), "{name}");
        assert!(!warning(&[certificates]), "{name}");
        let direct = ("NO_PROXY", "localhost,.anthropic.com");
        assert!(!warning(&[proxy, certificates, direct]), "{name}");
    }
    assert!(!warning(&[proxy]));
}

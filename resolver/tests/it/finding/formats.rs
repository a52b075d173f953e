//! Files that set variables and are no shell scripts, and the files that shell scripts read.

use keyreeve_resolver::finding::{Fix, Script, ScriptKind};

use super::{Machine, expand_tokens, logged_in, script};

/// F-07: each format is searched, and a key in it has the code of its kind.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn formats_have_their_codes() {
    let escaped = expand_tokens("SETUVAR --export ANTHROPIC_API_KEY:{api}").replace('-', "\\x2d");
    let universal = escaped.replace("\\x2d\\x2dexport", "--export");
    let plain = universal.replace(" --export", "");
    for (path, kind, text, code) in [
        (
            "fish_variables",
            ScriptKind::FishVariables,
            universal.as_str(),
            "KR203",
        ),
        ("fish_variables", ScriptKind::FishVariables, &plain, "KR203"),
        (
            "a.conf",
            ScriptKind::System,
            "ANTHROPIC_API_KEY={api}",
            "KR203",
        ),
        (
            ".pam_environment",
            ScriptKind::Pam,
            "ANTHROPIC_API_KEY DEFAULT={api}",
            "KR203",
        ),
        (
            ".pam_environment",
            ScriptKind::Pam,
            "ANTHROPIC_API_KEY DEFAULT= OVERRIDE=\"{api}\"",
            "KR203",
        ),
        (
            ".pam_environment",
            ScriptKind::Pam,
            "ANTHROPIC_API_KEY={api}",
            "KR203",
        ),
        (
            "env.nu",
            ScriptKind::Nu,
            "$env.ANTHROPIC_API_KEY = \"{api}\"",
            "KR203",
        ),
        (
            "env.nu",
            ScriptKind::Nu,
            "load-env { ANTHROPIC_API_KEY: '{api}' }",
            "KR203",
        ),
        (
            ".cshrc",
            ScriptKind::Csh,
            "setenv ANTHROPIC_API_KEY {api}",
            "KR203",
        ),
        (
            ".env.production",
            ScriptKind::DotEnv,
            "ANTHROPIC_API_KEY={api}",
            "KR204",
        ),
        (
            "mise.toml",
            ScriptKind::Mise,
            "ANTHROPIC_API_KEY = \"{api}\"",
            "KR204",
        ),
        (
            "mise.toml",
            ScriptKind::Mise,
            "env = { ANTHROPIC_API_KEY = '{api}' }",
            "KR204",
        ),
        (
            "mise.toml",
            ScriptKind::Mise,
            "env.ANTHROPIC_API_KEY = '{api}'",
            "KR204",
        ),
        (
            "devcontainer.json",
            ScriptKind::DevContainer,
            "\"containerEnv\": {\"ANTHROPIC_API_KEY\": \"{api}\"}",
            "KR210",
        ),
        (
            ".mcp.json",
            ScriptKind::McpServers,
            "\"env\": {\"ANTHROPIC_API_KEY\": \"{api}\"}",
            "KR210",
        ),
        (
            ".mcp.json",
            ScriptKind::McpServers,
            "\"args\": [\"--key\", \"{api}\"]",
            "KR210",
        ),
        (
            "compose.yaml",
            ScriptKind::Compose,
            "      ANTHROPIC_API_KEY: {api}",
            "KR210",
        ),
        (
            "compose.yaml",
            ScriptKind::Compose,
            "      - \"ANTHROPIC_API_KEY={api}\"",
            "KR210",
        ),
        (
            "Dockerfile",
            ScriptKind::Dockerfile,
            "ENV ANTHROPIC_API_KEY={api}",
            "KR210",
        ),
        (
            "Dockerfile",
            ScriptKind::Dockerfile,
            "env ANTHROPIC_API_KEY {api}",
            "KR210",
        ),
        (
            "Dockerfile",
            ScriptKind::Dockerfile,
            "ARG A=b ANTHROPIC_AUTH_TOKEN=a-gateways-own-key-of-32-letters",
            "KR210",
        ),
        (
            "Dockerfile",
            ScriptKind::Dockerfile,
            "RUN export ANTHROPIC_API_KEY={api} && x",
            "KR210",
        ),
    ] {
        let found = Machine {
            evidence: script(&format!("/home/me/{path}"), kind, text),
            ..Machine::default()
        }
        .checked_findings();
        let codes: Vec<_> = found.iter().map(|it| it.code.name()).collect();
        assert_eq!(codes, [code], "{path}: {text}");
    }
}

/// F-07: what refers to a secret is no finding.
#[test]
fn references_in_files_are_no_findings() {
    for (kind, text) in [
        (
            ScriptKind::DevContainer,
            "\"ANTHROPIC_API_KEY\": \"${localEnv:ANTHROPIC_API_KEY}\"",
        ),
        (
            ScriptKind::McpServers,
            "\"ANTHROPIC_API_KEY\": \"${ANTHROPIC_API_KEY}\"",
        ),
        (ScriptKind::Compose, "      - ANTHROPIC_API_KEY"),
        (
            ScriptKind::Compose,
            "      ANTHROPIC_API_KEY: ${ANTHROPIC_API_KEY:?}",
        ),
        (ScriptKind::Dockerfile, "ARG ANTHROPIC_API_KEY"),
        (
            ScriptKind::DotEnv,
            "ANTHROPIC_API_KEY=op://Private/anthropic/credential",
        ),
        (
            ScriptKind::DotEnv,
            "ANTHROPIC_API_KEY=your-anthropic-api-key-here",
        ),
        (
            ScriptKind::Mise,
            "ANTHROPIC_BASE_URL = \"https://gateway.example\"",
        ),
        (ScriptKind::FishVariables, "SETUVAR fish_color_command:blue"),
        (
            ScriptKind::Bash,
            "export ANTHROPIC_BASE_URL=https://gateway.example",
        ),
    ] {
        Machine {
            evidence: script("/home/me/file", kind, text),
            ..Machine::default()
        }
        .assert_codes(&[]);
    }
}

/// F-07: a universal variable of fish overrides the login, and the command that erases it is shown.
#[test]
fn universal_variable_is_erased_by_a_command() {
    let text = "SETUVAR --export ANTHROPIC_API_KEY:{api}";
    let found = Machine {
        login: Some(logged_in()),
        evidence: script("/home/me/f", ScriptKind::FishVariables, text),
        ..Machine::default()
    }
    .checked_findings();
    let finding = found.first().unwrap();
    assert_eq!(finding.code.name(), "KR201");
    let command = "fish -c 'set --erase --universal ANTHROPIC_API_KEY'";
    assert_eq!(finding.fix, Fix::Run(command.to_owned()));
}

/// F-07: the paths that a script reads are resolved where that is possible without running it.
#[test]
fn sourced_paths_are_resolved() {
    let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    for (text, expected) in [
        ("source ~/.secrets", &[Some("/home/me/.secrets")][..]),
        (". \"$HOME/.a b\"", &[Some("/home/me/.a b")]),
        ("[ -f ~/.a ] && . ~/.a", &[Some("/home/me/.a")]),
        ("if [ -f ~/.a ]; then\n . ~/.a\nfi", &[Some("/home/me/.a")]),
        (
            ". ${XDG_CONFIG_HOME:-$HOME/.config}/a",
            &[Some("/home/me/.config/a")],
        ),
        (
            "D=\"$HOME/.nvm\"\n. \"$D/nvm.sh\"",
            &[Some("/home/me/.nvm/nvm.sh")],
        ),
        (
            "for f in ~/.d/*.sh /x; do . \"$f\"; done",
            &[Some("/home/me/.d/*.sh"), Some("/x")],
        ),
        ("D=$D/a\n. $D", &[None]),
        ("source $(tool path)", &[None]),
        ("source relative", &[None]),
        ("# source ~/.a", &[]),
        ("echo . ~/.a", &[]),
    ] {
        let script = Script::parse("/home/me/.bashrc".to_owned(), ScriptKind::Bash, text);
        let found = script.sourced_files(home);
        let paths: Vec<_> = found.iter().map(|it| it.path.as_deref()).collect();
        assert_eq!(paths, expected, "{text}");
    }
}

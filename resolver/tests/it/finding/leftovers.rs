//! Keys in comments and backups, and variables that no file explains.

use keyreeve_resolver::finding::{BackupFile, Evidence, Fix, KeyPlace, Script, ScriptKind};

use super::{Machine, expand_tokens, script};

/// F-10: a key in a comment is reported, with the mode of a file that every user can read.
#[test]
fn key_in_a_comment_is_reported_with_the_mode() {
    let text = expand_tokens("# export ANTHROPIC_API_KEY={api}\n");
    for (mode, is_open) in [(0o644, true), (0o600, false)] {
        let parsed = Script::parse("/home/me/.zshrc".to_owned(), ScriptKind::Zsh, &text);
        let evidence = Evidence {
            scripts: vec![parsed.with_mode(mode)],
            ..Evidence::default()
        };
        let found = Machine {
            evidence,
            ..Machine::default()
        }
        .checked_findings();
        let finding = found.first().unwrap();
        assert_eq!(finding.code.name(), "KR211");
        assert_eq!(
            finding.fix,
            Fix::RemoveKey(KeyPlace::Comment(ScriptKind::Zsh))
        );
        let says_mode = finding.message.contains("mode 644 lets every user read it");
        assert_eq!(says_mode, is_open, "{}", finding.message);
    }
    for text in [
        "# sk-ant-...",
        "# export ANTHROPIC_API_KEY=$(pass show key)",
    ] {
        Machine {
            evidence: script("/home/me/.zshrc", ScriptKind::Zsh, text),
            ..Machine::default()
        }
        .assert_codes(&[]);
    }
    let shared = script("/w/Dockerfile", ScriptKind::Dockerfile, "# ENV K={api}");
    Machine {
        evidence: shared,
        ..Machine::default()
    }
    .assert_codes(&["KR210"]);
}

/// F-10: a key in a backup is reported, with an offer to remove it.
#[test]
fn key_in_a_backup_is_reported() {
    let backup = |text: &str| {
        let text = expand_tokens(text);
        BackupFile::parse("/home/me/.zshrc.bak".to_owned(), 0o600, &text)
    };
    assert!(backup("alias ll='ls -l'\n").is_none());
    let evidence = Evidence {
        backups: backup("a\nexport ANTHROPIC_API_KEY={api}\n")
            .into_iter()
            .collect(),
        ..Evidence::default()
    };
    let found = Machine {
        evidence,
        ..Machine::default()
    }
    .checked_findings();
    let finding = found.first().unwrap();
    assert_eq!(
        (finding.code.name(), &finding.fix),
        ("KR211", &Fix::RemoveKey(KeyPlace::Backup))
    );
    assert_eq!(finding.location.to_string(), "/home/me/.zshrc.bak:2");
}

/// F-07: a variable that no file sets is noted, if the files were searched.
#[test]
fn variable_that_no_file_explains_is_noted() {
    let key: &[(&str, &str)] = &[("ANTHROPIC_API_KEY", "{api}")];
    let url: &[(&str, &str)] = &[("ANTHROPIC_BASE_URL", "https://gateway.example")];
    let zshrc = |text| script("/home/me/.zshrc", ScriptKind::Zsh, text);
    let dot_env = |text| script("/w/.env", ScriptKind::DotEnv, text);
    for (variables, evidence, is_noted) in [
        (key, Evidence::default(), true),
        (url, Evidence::default(), true),
        (
            url,
            zshrc("export ANTHROPIC_BASE_URL=https://gateway.example"),
            false,
        ),
        (key, zshrc("export ANTHROPIC_API_KEY={api}"), false),
        (
            key,
            zshrc("export ANTHROPIC_API_KEY=$(pass show key)"),
            false,
        ),
        (
            key,
            zshrc("work() { export ANTHROPIC_API_KEY={api}; }"),
            false,
        ),
        (key, zshrc("# export ANTHROPIC_API_KEY={api}"), true),
        (key, zshrc("unset ANTHROPIC_API_KEY"), true),
        (key, dot_env("ANTHROPIC_API_KEY={api}"), false),
        (key, dot_env("ANTHROPIC_API_KEY={other}"), true),
        (&[], Evidence::default(), false),
    ] {
        let machine = Machine {
            variables,
            evidence: Evidence {
                searched_files: true,
                ..evidence
            },
            ..Machine::default()
        };
        let found = machine.checked_findings();
        let has_note = found.iter().any(|it| it.code.name() == "KR212");
        assert_eq!(has_note, is_noted, "{variables:?} {found:?}");
    }
    Machine {
        variables: key,
        ..Machine::default()
    }
    .assert_codes(&[]);
}

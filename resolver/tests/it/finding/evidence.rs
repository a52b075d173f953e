//! Findings about shell files, file permissions and helper runs.

use jiff::SignedDuration;
use keyreeve_resolver::finding::{
    CredentialFile, CredentialFileKind, Evidence, HelperOutcome, HelperRun, History, ScriptKind,
    keys_in_history,
};

use super::{Machine, NOW, expand_tokens, logged_in, script};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn files_have_their_codes() {
    let export = "export ANTHROPIC_API_KEY={api}";
    let key: &[(&str, &str)] = &[("ANTHROPIC_API_KEY", "{api}")];
    let zshrc = |text| script("/home/me/.zshrc", ScriptKind::Zsh, text);
    for (variables, login, evidence, codes) in [
        (&[][..], Some(logged_in()), zshrc(export), &["KR201"][..]),
        (
            &[],
            Some(logged_in()),
            zshrc("export ANTHROPIC_API_KEY=$(pass show key)"),
            &["KR201"],
        ),
        (
            &[],
            Some(logged_in()),
            zshrc("export ANTHROPIC_API_KEY=\n"),
            &[],
        ),
        (
            key,
            None,
            zshrc("export ANTHROPIC_API_KEY={other}"),
            &["KR202"],
        ),
        (key, None, zshrc(export), &["KR203"]),
        (
            &[],
            None,
            zshrc("alias c='ANTHROPIC_API_KEY={api} claude'"),
            &["KR203"],
        ),
        (
            &[],
            None,
            zshrc("# export ANTHROPIC_API_KEY={api}\n  : # export A={api}"),
            &["KR211", "KR211"],
        ),
        (
            &[],
            None,
            zshrc("export ANTHROPIC_API_KEY=$(pass show key)"),
            &[],
        ),
        (
            &[],
            None,
            script("/w/.env", ScriptKind::DotEnv, "ANTHROPIC_API_KEY={api}"),
            &["KR204"],
        ),
        (
            &[],
            None,
            script(
                "/w/.env",
                ScriptKind::DotEnv,
                "ANTHROPIC_API_KEY=sk-ant-...",
            ),
            &[],
        ),
        (
            &[],
            None,
            script(
                "/s.json",
                ScriptKind::Editor,
                r#"  "ANTHROPIC_API_KEY": "{api}","#,
            ),
            &["KR205"],
        ),
        (
            &[],
            None,
            script("/ci.yml", ScriptKind::Ci, "    - ANTHROPIC_API_KEY: {api}"),
            &["KR206"],
        ),
        (
            &[],
            None,
            script("/ci.yml", ScriptKind::Ci, "      run: KEY={api} claude -p"),
            &["KR206"],
        ),
        (
            &[],
            None,
            script(
                "/ci.yml",
                ScriptKind::Ci,
                "ANTHROPIC_API_KEY: ${{ secrets.KEY }}",
            ),
            &[],
        ),
    ] {
        Machine {
            variables,
            login,
            settings: &[],
            evidence,
        }
        .assert_codes(codes);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn other_evidence_has_its_codes() {
    let run = |outcome, millis| HelperRun {
        path: "/s.json".to_owned(),
        line: 3,
        outcome,
        millis,
    };
    let file = |mode, is_owned_by_user| CredentialFile {
        path: "/home/me/.claude/.credentials.json".to_owned(),
        kind: CredentialFileKind::Login,
        mode,
        is_owned_by_user,
    };
    let history = keys_in_history(&expand_tokens("ls\n: 1:0;claude --key {api}\n"));
    assert_eq!(history.first().unwrap().line, 2);
    for (evidence, codes) in [
        (
            Evidence {
                histories: vec![History {
                    path: "/h".to_owned(),
                    keys: history,
                }],
                ..Evidence::default()
            },
            &["KR207"][..],
        ),
        (
            Evidence {
                credential_files: vec![file(0o644, true)],
                ..Evidence::default()
            },
            &["KR208"],
        ),
        (
            Evidence {
                credential_files: vec![file(0o600, false)],
                ..Evidence::default()
            },
            &["KR208"],
        ),
        (
            Evidence {
                credential_files: vec![file(0o600, true)],
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                literal_helpers: vec![("/s.json".to_owned(), 3)],
                ..Evidence::default()
            },
            &["KR306"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::MultipleLines, 10)],
                ..Evidence::default()
            },
            &["KR307"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::Usable, 4000)],
                ..Evidence::default()
            },
            &["KR308"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::Usable, 100)],
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                last_written_at: Some(NOW + SignedDuration::from_hours(1)),
                ..Evidence::default()
            },
            &["KR404"],
        ),
        (
            Evidence {
                last_written_at: Some(NOW),
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                local_claude: Some("/w/claude".to_owned()),
                ..Evidence::default()
            },
            &["KR406"],
        ),
        (
            Evidence {
                stale_runtime_file: Some("/s/serve.json".to_owned()),
                ..Evidence::default()
            },
            &["KR504"],
        ),
        (
            Evidence {
                store_error: Some("it is locked".to_owned()),
                ..Evidence::default()
            },
            &["KR507"],
        ),
    ] {
        Machine {
            evidence,
            ..Machine::default()
        }
        .assert_codes(codes);
    }
}

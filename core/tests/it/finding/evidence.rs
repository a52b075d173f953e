//! What is found in shells' files, in what files are open to, and in what was tried.

use jiff::SignedDuration;
use keyreeve_core::finding::{
    Evidence, HelperOutcome, HelperRun, History, Keeper, KeptIn, Reader, keys_in_history,
};

use super::{NOW, World, expanded, logged_in, script};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn files_give_their_codes() {
    let export = "export ANTHROPIC_API_KEY={api}";
    let key: &[(&str, &str)] = &[("ANTHROPIC_API_KEY", "{api}")];
    let zshrc = |text| script("/home/me/.zshrc", Reader::Zsh, text);
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
            &[],
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
            script("/w/.env", Reader::DotEnv, "ANTHROPIC_API_KEY={api}"),
            &["KR204"],
        ),
        (
            &[],
            None,
            script("/w/.env", Reader::DotEnv, "ANTHROPIC_API_KEY=sk-ant-..."),
            &[],
        ),
        (
            &[],
            None,
            script(
                "/s.json",
                Reader::Editor,
                r#"  "ANTHROPIC_API_KEY": "{api}","#,
            ),
            &["KR205"],
        ),
        (
            &[],
            None,
            script("/ci.yml", Reader::Ci, "    - ANTHROPIC_API_KEY: {api}"),
            &["KR206"],
        ),
        (
            &[],
            None,
            script("/ci.yml", Reader::Ci, "      run: KEY={api} claude -p"),
            &["KR206"],
        ),
        (
            &[],
            None,
            script(
                "/ci.yml",
                Reader::Ci,
                "ANTHROPIC_API_KEY: ${{ secrets.KEY }}",
            ),
            &[],
        ),
    ] {
        World {
            variables,
            login,
            settings: &[],
            evidence,
        }
        .gives(codes);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn the_rest_of_the_evidence_gives_its_codes() {
    let run = |outcome, millis| HelperRun {
        path: "/s.json".to_owned(),
        line: 3,
        outcome,
        millis,
    };
    let keeper = |mode, is_ours| Keeper {
        path: "/home/me/.claude/.credentials.json".to_owned(),
        kept: KeptIn::Login,
        mode,
        is_ours,
    };
    let history = keys_in_history(&expanded("ls\n: 1:0;claude --key {api}\n"));
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
                keepers: vec![keeper(0o644, true)],
                ..Evidence::default()
            },
            &["KR208"],
        ),
        (
            Evidence {
                keepers: vec![keeper(0o600, false)],
                ..Evidence::default()
            },
            &["KR208"],
        ),
        (
            Evidence {
                keepers: vec![keeper(0o600, true)],
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                fixed_helpers: vec![("/s.json".to_owned(), 3)],
                ..Evidence::default()
            },
            &["KR306"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::Lines, 10)],
                ..Evidence::default()
            },
            &["KR307"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::Fine, 4000)],
                ..Evidence::default()
            },
            &["KR308"],
        ),
        (
            Evidence {
                helper_runs: vec![run(HelperOutcome::Fine, 100)],
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                last_written: Some(NOW + SignedDuration::from_hours(1)),
                ..Evidence::default()
            },
            &["KR404"],
        ),
        (
            Evidence {
                last_written: Some(NOW),
                ..Evidence::default()
            },
            &[],
        ),
        (
            Evidence {
                claude_here: Some("/w/claude".to_owned()),
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
                store_closed: Some("it is locked".to_owned()),
                ..Evidence::default()
            },
            &["KR507"],
        ),
    ] {
        World {
            evidence,
            ..World::default()
        }
        .gives(codes);
    }
}

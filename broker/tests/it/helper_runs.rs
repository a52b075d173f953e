//! Helper runs: helpers run as in Claude Code, and are reported by their outcome, never by their output.

use jiff::Timestamp;
use keyreeve_broker::run_helpers;
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{ClaudeSettings, SettingsFile, SettingsScope, SettingsState};
use keyreeve_resolver::finding::HelperOutcome;
use keyreeve_resolver::snapshot::Snapshot;

async fn outcomes(scope: SettingsScope, command: &str) -> Vec<HelperOutcome> {
    let nothing: [(&str, &str); 0] = [];
    let mut snapshot =
        Snapshot::from_environment(Environment::from_pairs(nothing), Timestamp::UNIX_EPOCH);
    let text = format!(r#"{{"apiKeyHelper": {command:?}}}"#);
    snapshot.settings.push(SettingsFile {
        scope,
        path: "/settings.json".to_owned(),
        state: SettingsState::Read(ClaudeSettings::parse(&text).unwrap()),
    });
    let runs = run_helpers(&snapshot).await;
    let debug = format!("{runs:?}");
    assert!(!debug.contains("made-up"), "{debug}");
    runs.iter().map(|run| run.outcome).collect()
}

#[tokio::test]
async fn each_outcome_is_reported() {
    for (command, outcome) in [
        ("printf ' made-up-token\\n'", HelperOutcome::Usable),
        ("echo made-up-token; exit 3", HelperOutcome::Failed),
        ("/no/such/program", HelperOutcome::Failed),
        ("echo", HelperOutcome::Empty),
        ("echo made-up; echo token", HelperOutcome::MultipleLines),
        (
            "printf 'made-up \\033[0mtoken'",
            HelperOutcome::InvalidCharacters,
        ),
        ("printf '\\377'", HelperOutcome::InvalidCharacters),
    ] {
        assert_eq!(
            outcomes(SettingsScope::User, command).await,
            [outcome],
            "{command}"
        );
    }
}

#[tokio::test]
async fn helper_of_a_project_is_not_run() {
    for scope in [SettingsScope::Project, SettingsScope::Local] {
        assert_eq!(outcomes(scope, "echo made-up-token").await, []);
    }
    assert_eq!(outcomes(SettingsScope::User, " ").await, []);
}

#[tokio::test(start_paused = true)]
async fn hanging_helper_times_out() {
    assert_eq!(
        outcomes(SettingsScope::User, "exec sleep 600").await,
        [HelperOutcome::TimedOut]
    );
}

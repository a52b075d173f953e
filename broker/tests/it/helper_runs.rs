//! Helpers are run as Claude Code runs them, and told by how they fare, never by what they print.

use jiff::Timestamp;
use keyreeve_broker::gather::run_helpers;
use keyreeve_core::claude_code::{Scope, Settings, SettingsFile, SettingsState};
use keyreeve_core::finding::HelperOutcome;
use keyreeve_core::snapshot::{Environment, Snapshot};

async fn outcomes(scope: Scope, command: &str) -> Vec<HelperOutcome> {
    let nothing: [(&str, &str); 0] = [];
    let mut snapshot =
        Snapshot::of_environment(Environment::from_pairs(nothing), Timestamp::UNIX_EPOCH);
    let text = format!(r#"{{"apiKeyHelper": {command:?}}}"#);
    snapshot.settings.push(SettingsFile {
        scope,
        path: "/settings.json".to_owned(),
        state: SettingsState::Read(Settings::parse(&text).unwrap()),
    });
    let runs = run_helpers(&snapshot).await;
    let told = format!("{runs:?}");
    assert!(!told.contains("made-up"), "{told}");
    runs.iter().map(|run| run.outcome).collect()
}

#[tokio::test]
async fn each_way_to_fare_is_told() {
    for (command, outcome) in [
        ("printf ' made-up-token\\n'", HelperOutcome::Fine),
        ("echo made-up-token; exit 3", HelperOutcome::Failed),
        ("/no/such/program", HelperOutcome::Failed),
        ("echo", HelperOutcome::Nothing),
        ("echo made-up; echo token", HelperOutcome::Lines),
        ("printf 'made-up \\033[0mtoken'", HelperOutcome::Unprintable),
        ("printf '\\377'", HelperOutcome::Unprintable),
    ] {
        assert_eq!(outcomes(Scope::User, command).await, [outcome], "{command}");
    }
}

#[tokio::test]
async fn what_a_project_names_is_not_run() {
    for scope in [Scope::Project, Scope::Local] {
        assert_eq!(outcomes(scope, "echo made-up-token").await, []);
    }
    assert_eq!(outcomes(Scope::User, " ").await, []);
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_end_is_ended() {
    assert_eq!(
        outcomes(Scope::User, "exec sleep 600").await,
        [HelperOutcome::Endless]
    );
}

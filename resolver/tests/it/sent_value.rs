//! Values that would be sent but cannot work, and expected payers of a directory.

use jiff::Timestamp;
use keyreeve_core::binding::Binding;
use keyreeve_core::profile::ProfileId;
use keyreeve_os::environment::Environment;
use keyreeve_resolver::resolve::{ClientProgram, ExpectedPayer, resolve};
use keyreeve_resolver::snapshot::{KeyreeveState, Snapshot};
use uuid::Uuid;

fn problems(variables: &[(&str, &str)], client: ClientProgram) -> Vec<String> {
    let environment = Environment::from_pairs(variables.iter().copied());
    let snapshot = Snapshot::from_environment(environment, Timestamp::UNIX_EPOCH);
    let found = resolve(&snapshot, client).value_problems(&snapshot);
    found.iter().map(ToString::to_string).collect()
}

/// F-04: a value that is not sent is no problem of the next request.
#[test]
fn only_values_that_would_be_sent_are_problems() {
    let key = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
    let python = "sdk-python".parse().unwrap();
    let oauth = ("CLAUDE_CODE_OAUTH_TOKEN", "<token>");
    assert_eq!(
        problems(
            &[("ANTHROPIC_API_KEY", &key), oauth],
            ClientProgram::CLAUDE_CODE
        ),
        [""; 0]
    );
    assert_eq!(problems(&[oauth], python), [""; 0]);
    assert_eq!(problems(&[oauth], ClientProgram::CLAUDE_CODE).len(), 1);
    // One helper or key in both headers is reported once.
    let both = [
        ("ANTHROPIC_API_KEY", "<key>"),
        ("ANTHROPIC_AUTH_TOKEN", "<token>"),
    ];
    assert_eq!(problems(&both, ClientProgram::CLAUDE_CODE).len(), 2);
}

/// F-04: a cloud's own address ends in a path, and has to be an address, too.
#[test]
fn base_url_of_a_cloud_may_end_in_a_path() {
    let vertex = |base_url| {
        let variables = [
            ("CLAUDE_CODE_USE_VERTEX", "1"),
            ("ANTHROPIC_VERTEX_BASE_URL", base_url),
        ];
        problems(&variables, ClientProgram::CLAUDE_CODE)
    };
    assert_eq!(vertex("https://vertex.example/v1"), [""; 0]);
    assert_eq!(vertex("vertex.example/v1").len(), 1);
}

/// F-05: a profile that was removed is expected, and nothing meets the expectation.
#[test]
fn removed_profile_is_never_the_payer() {
    let key = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
    let environment = Environment::from_pairs([("ANTHROPIC_API_KEY", &key)]);
    let mut snapshot = Snapshot::from_environment(environment, Timestamp::UNIX_EPOCH);
    snapshot.directory = Some("/w/a".to_owned());
    snapshot.keyreeve = KeyreeveState {
        bindings: vec![Binding {
            directory: "/w".to_owned(),
            profile: Some(ProfileId(Uuid::from_u128(7))),
            expect: Some("metered".parse().unwrap()),
        }],
        ..KeyreeveState::default()
    };
    let resolution = resolve(&snapshot, ClientProgram::CLAUDE_CODE);
    let checked = resolution.check_expected(None, &snapshot).unwrap();
    assert_eq!(checked.expected, ExpectedPayer::RemovedProfile);
    assert!(checked.result.is_err());
    let required = "metered".parse().unwrap();
    let checked = resolution
        .check_expected(Some(&required), &snapshot)
        .unwrap();
    assert!(checked.result.is_ok());
}

//! The status line: parsing of Claude Code's input, observed and fictional, and the rendered line.

mod input;
mod limit_owner;
mod line;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use keyreeve_core::binding::Binding;
use keyreeve_core::clock::Clock;
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{Arguments, Login, LoginState};
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::{KeyreeveState, Snapshot};
use keyreeve_resolver::statusline::{self, SessionInput, StatusLine, warnings};

use crate::cases::{expand_tokens, folder, read};

/// A Saturday; the windows of the observed inputs end later that day and on Monday.
const NOW: &str = "2026-11-21T13:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn observed(name: &str) -> Vec<u8> {
    read(&folder("statusline").join(format!("{name}.json"))).into_bytes()
}

/// Returns a snapshot with these variables, with or without a login, and with the expected payer of `/home/me/project`.
fn snapshot(variables: &[(&str, &str)], login: Option<()>, expect: Option<&str>) -> Snapshot {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), expand_tokens(value)));
    let text = r#"{"claudeAiOauth": {"accessToken": "a", "scopes": ["user:inference"]}}"#;
    let binding = expect.map(|expect| Binding {
        directory: "/home/me".to_owned(),
        profile: None,
        expect: Some(expect.parse().unwrap()),
    });
    Snapshot {
        directory: Some("/home/me/project".to_owned()),
        home: Some("/home/me".to_owned()),
        login: login.map(|()| Login {
            path: "/home/me/.claude/.credentials.json".to_owned(),
            state: LoginState::parse(text),
        }),
        keyreeve: KeyreeveState {
            bindings: binding.into_iter().collect(),
            ..KeyreeveState::default()
        },
        ..Snapshot::from_environment(Environment::from_pairs(pairs), now())
    }
}

fn render(snapshot: &Snapshot, input: &SessionInput, zone: &TimeZone) -> StatusLine {
    let client = ClientProgram::CLAUDE_CODE.with_arguments(&Arguments::parse([]));
    let resolution = resolve(snapshot, client);
    let warnings = warnings(snapshot, &resolution, input);
    let clock = Clock {
        now: snapshot.now,
        zone: zone.clone(),
    };
    statusline::render_line(&resolution, &warnings, input, &clock)
}

const KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "{{api03:A}}");

//! The status line: what is read of Claude Code's input, observed and made up, and the line that comes of it.

mod input;
mod line;
mod owner;

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use keyreeve_core::binding::Binding;
use keyreeve_core::claude_code::{Arguments, Login, LoginState};
use keyreeve_core::clock::Clock;
use keyreeve_core::resolve::{Client, resolve};
use keyreeve_core::snapshot::{Environment, Own, Snapshot};
use keyreeve_core::statusline::{self, Input, Line, warnings};

use crate::resolve::expanded;

/// A Saturday; the windows of the observed inputs end later that day, and on Monday.
const NOW: &str = "2026-11-21T13:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cases are files, and core itself reads none"
)]
fn observed(name: &str) -> Vec<u8> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/statusline");
    fs::read(cases.join(format!("{name}.json"))).unwrap()
}

/// A machine with these variables, a login or none, and whoever is meant to pay in `/home/me/project`.
fn world(variables: &[(&str, &str)], login: Option<()>, expect: Option<&str>) -> Snapshot {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), expanded(value)));
    let text = r#"{"claudeAiOauth": {"accessToken": "a", "scopes": ["user:inference"]}}"#;
    let bound = expect.map(|expect| Binding {
        directory: "/home/me".to_owned(),
        profile: None,
        expect: Some(expect.parse().unwrap()),
    });
    Snapshot {
        directory: Some("/home/me/project".to_owned()),
        home: Some("/home/me".to_owned()),
        login: login.map(|()| Login {
            path: "/home/me/.claude/.credentials.json".to_owned(),
            state: LoginState::read(text),
        }),
        own: Own {
            bindings: bound.into_iter().collect(),
            ..Own::default()
        },
        ..Snapshot::of_environment(Environment::from_pairs(pairs), now())
    }
}

fn drawn(snapshot: &Snapshot, input: &Input, zone: &TimeZone) -> Line {
    let client = Client::CLAUDE_CODE.started_with(&Arguments::read([]));
    let resolution = resolve(snapshot, client);
    let warnings = warnings(snapshot, &resolution, input);
    let clock = Clock {
        now: snapshot.now,
        zone: zone.clone(),
    };
    statusline::line(&resolution, &warnings, input, &clock)
}

const KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "{{api03:A}}");

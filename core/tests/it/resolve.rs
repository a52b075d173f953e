//! Who pays: one folder a case under `tests/cases/resolve`, and two properties.
//!
//! `env.toml` is the environment, `ask.toml` names the client, `expected.txt` is what must come out. Tokens are written
//! `{{api03:A}}`: the family and the letter that fills it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::resolve::{Client, Resolution, Slot, State, resolve};
use keyreeve_core::snapshot::{Environment, Snapshot};
use proptest::prelude::*;

type Pairs = Vec<(String, String)>;

fn asked(client: Client, pairs: Pairs) -> Resolution {
    let environment = Environment::from_pairs(pairs);
    resolve(
        &Snapshot {
            environment,
            now: Timestamp::UNIX_EPOCH,
        },
        client,
    )
}

/// Writes out tokens, assembled here so that no file holds one.
fn expanded(value: &str) -> String {
    let Some((before, rest)) = value.split_once("{{") else {
        return value.to_owned();
    };
    let (token, after) = rest.split_once("}}").unwrap();
    let (family, letter) = token.split_once(':').unwrap();
    let token = match family {
        "gateway" => letter.repeat(48),
        family => format!("sk-ant-{family}-{}AA", letter.repeat(93)),
    };
    format!("{before}{token}{}", expanded(after))
}

fn shown(slot: Option<&Slot>) -> String {
    slot.map_or_else(
        || "-".to_owned(),
        |slot| format!("{} {:?} {}", slot.variable, slot.family, slot.hint),
    )
}

/// The resolution as `expected.txt` has it; rungs that nothing was set for are left out.
fn written(resolution: &Resolution) -> String {
    let mut text = format!("{}\n", resolution.headline());
    let payer = resolution.payer;
    writeln!(text, "payer: {:?}, {:?}", payer.class, payer.sure).unwrap();
    writeln!(text, "x-api-key: {}", shown(resolution.x_api_key.as_ref())).unwrap();
    writeln!(
        text,
        "authorization: {}",
        shown(resolution.authorization.as_ref())
    )
    .unwrap();
    writeln!(
        text,
        "base url: {}",
        resolution.base_url.as_deref().unwrap_or("-")
    )
    .unwrap();
    for rung in resolution
        .rungs
        .iter()
        .filter(|rung| rung.state != State::Absent)
    {
        writeln!(text, "{}: {:?}", rung.variable, rung.state).unwrap();
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cases are files, and core itself reads none"
)]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}

fn check(case: &Path) {
    let variables: toml::Table = read(&case.join("env.toml")).parse().unwrap();
    let ask: toml::Table = read(&case.join("ask.toml")).parse().unwrap();
    let pairs: Pairs = variables
        .iter()
        .map(|(name, value)| (name.clone(), expanded(value.as_str().unwrap())))
        .collect();
    let resolution = asked(
        ask["client"].as_str().unwrap().parse().unwrap(),
        pairs.clone(),
    );
    assert_eq!(
        written(&resolution),
        read(&case.join("expected.txt")),
        "{}",
        case.display()
    );
    for (_, value) in pairs.iter().filter(|(_, value)| value.len() > 40) {
        assert!(
            !format!("{resolution:?}").contains(value.trim()),
            "{}",
            case.display()
        );
    }
}

#[test]
fn every_case_comes_out_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/resolve");
    let cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|case| case.unwrap().path())
        .collect();
    assert!(cases.len() >= 38);
    for case in cases {
        check(&case);
    }
}

/// A client and an environment with some of what matters in it.
fn situations() -> impl Strategy<Value = (Client, Pairs)> {
    let variable = prop::sample::select(vec![
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_SIMPLE",
        "ANTHROPIC_BASE_URL",
    ]);
    let value = prop::sample::select(vec![
        "",
        " ",
        "0",
        "1",
        "a\nb",
        "one",
        "https://gateway.example",
    ]);
    let pairs = prop::collection::btree_map(variable, value, 0..7);
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let pairs = pairs.prop_map(move |pairs| pairs.into_iter().map(own).collect());
    (prop::sample::select(Client::ALL.to_vec()), pairs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_order_of_the_environment_is_nothing((client, pairs) in situations()) {
        let reversed = pairs.iter().rev().cloned().collect();
        prop_assert_eq!(asked(client, pairs), asked(client, reversed));
    }

    #[test]
    fn taking_away_what_is_shadowed_changes_no_header((client, pairs) in situations()) {
        let before = asked(client, pairs.clone());
        for rung in &before.rungs {
            if matches!(rung.state, State::Shadowed { .. }) {
                let without = pairs.iter().filter(|(name, _)| name != rung.variable).cloned().collect();
                let after = asked(client, without);
                prop_assert_eq!(&after.x_api_key, &before.x_api_key);
                prop_assert_eq!(&after.authorization, &before.authorization);
                prop_assert_eq!(after.payer, before.payer);
            }
        }
    }
}

//! Who pays: one folder a case under `tests/cases/resolve`, and two properties.
//!
//! `env.toml` is the environment, `ask.toml` names the client, `expected.txt` is what must come out. Tokens are written
//! `{{api03:A}}`: the family and the letter that fills it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::claude_code::{
    Arguments, Login, LoginState, Scope, Settings, SettingsFile, SettingsState,
};
use keyreeve_core::resolve::{Client, Header, Resolution, Slot, State, resolve};
use keyreeve_core::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_core::snapshot::{Environment, Snapshot};
use proptest::prelude::*;

type Pairs = Vec<(String, String)>;

fn asked(client: Client, pairs: Pairs) -> Resolution {
    resolve(&world(pairs), client)
}

fn world(pairs: Pairs) -> Snapshot {
    Snapshot {
        home: Some("~".to_owned()),
        ..Snapshot::of_environment(Environment::from_pairs(pairs), Timestamp::UNIX_EPOCH)
    }
}

/// Writes out tokens, assembled here so that no file holds one.
pub(crate) fn expanded(value: &str) -> String {
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
        |slot| {
            let known = slot.family.map(|family| format!(" {family:?}"));
            let hint = slot.hint.as_deref().map(|hint| format!(" {hint}"));
            format!(
                "{}{}{}",
                slot.place,
                known.unwrap_or_default(),
                hint.unwrap_or_default()
            )
        },
    )
}

/// The resolution as `expected.txt` has it; rungs that nothing was set for are left out.
fn written(resolution: &Resolution) -> String {
    let mut text = format!("{}\n", resolution.headline());
    let payer = resolution.payer;
    writeln!(text, "payer: {:?}, {:?}", payer.class, payer.sure).unwrap();
    for header in [Header::XApiKey, Header::Authorization] {
        writeln!(text, "{header}: {}", shown(resolution.slot(header))).unwrap();
    }
    if resolution.oauth_beta {
        writeln!(text, "with the OAuth beta").unwrap();
    }
    if let Some(moved) = &resolution.moved {
        let base_url = moved.base_url.as_deref().unwrap_or("(no text)");
        writeln!(text, "to {base_url}, by {}", moved.place).unwrap();
    }
    for rung in resolution
        .rungs
        .iter()
        .filter(|rung| rung.state != State::Absent)
    {
        let pays = rung.would_pay.map_or_else(String::new, |payer| {
            format!(", would pay: {:?}", payer.class)
        });
        writeln!(
            text,
            "{:?} {}: {:?}{pays}",
            rung.method, rung.place, rung.state
        )
        .unwrap();
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

/// The text of a case's file, tokens written out.
fn file(case: &Path, name: &str) -> Option<String> {
    let path = case.join("files").join(name);
    path.exists().then(|| expanded(&read(&path)))
}

fn settings(case: &Path) -> Vec<SettingsFile> {
    let read = |(scope, name): (Scope, &str)| {
        let state = match Settings::parse(&file(case, name)?) {
            Ok(settings) => SettingsState::Read(settings),
            Err(damage) => SettingsState::Damaged(damage),
        };
        Some(SettingsFile {
            scope,
            path: name.to_owned(),
            state,
        })
    };
    [
        (Scope::User, "user.json"),
        (Scope::Project, "project.json"),
        (Scope::Local, "local.json"),
        (Scope::Flag, "flag.json"),
        (Scope::Managed, "managed.json"),
    ]
    .into_iter()
    .filter_map(read)
    .collect()
}

/// Profiles are `files/sdk.<name>.config.json` and `files/sdk.<name>.credentials.json`.
fn sdk_store(case: &Path) -> SdkStore {
    let profile = |name: &str| {
        let config = file(case, &format!("sdk.{name}.config.json"))?;
        let credentials = file(case, &format!("sdk.{name}.credentials.json"));
        Some(SdkProfile {
            name: name.to_owned(),
            config: SdkConfig::read(&config),
            credentials: credentials.map(|text| SdkCredentials::read(&text)),
        })
    };
    SdkStore {
        directory: "~/.config/anthropic".to_owned(),
        active: file(case, "sdk.active").map(|name| name.trim().to_owned()),
        profiles: ["default", "work", "other"]
            .into_iter()
            .filter_map(profile)
            .collect(),
    }
}

fn check(case: &Path) {
    let variables: toml::Table = read(&case.join("env.toml")).parse().unwrap();
    let ask: toml::Table = read(&case.join("ask.toml")).parse().unwrap();
    let pairs: Pairs = variables
        .iter()
        .map(|(name, value)| (name.clone(), expanded(value.as_str().unwrap())))
        .collect();
    let client: Client = ask["client"].as_str().unwrap().parse().unwrap();
    let client = match ask.get("arguments") {
        None => client,
        Some(line) => client.started_with(&Arguments::read(line.as_str().unwrap().split(' '))),
    };
    let login = file(case, "login.json").map(|text| Login {
        path: "login.json".to_owned(),
        state: LoginState::read(&text),
    });
    let now = ask.get("now").map_or(Timestamp::UNIX_EPOCH, |now| {
        now.as_str().unwrap().parse().unwrap()
    });
    let snapshot = Snapshot {
        settings: settings(case),
        login,
        sdk_stores: vec![sdk_store(case)],
        now,
        ..world(pairs.clone())
    };
    let resolution = resolve(&snapshot, client);
    let written = written(&resolution);
    assert_eq!(
        written,
        read(&case.join("expected.txt")),
        "{}",
        case.display()
    );
    for (_, value) in pairs.iter().filter(|(_, value)| value.len() > 40) {
        assert!(
            !format!("{resolution:?}{snapshot:?}").contains(value.trim()),
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
                let name = rung.place.to_string();
                let without = pairs.iter().filter(|(its, _)| *its != name).cloned().collect();
                let after = asked(client, without);
                prop_assert_eq!(&after.x_api_key, &before.x_api_key);
                prop_assert_eq!(&after.authorization, &before.authorization);
                prop_assert_eq!(after.payer, before.payer);
            }
        }
    }
}

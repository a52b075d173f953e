//! Who pays: one folder a case under `tests/cases/resolve`, and three properties.
//!
//! `env.toml` is the environment, `files` are the files, `ask.toml` names the client, `expected.txt` is what must come out. Tokens are written
//! `{{api03:A}}`: the family and the letter that fills it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::claude_code::{
    Arguments, Login, LoginState, RefusedKeys, Scope, Settings, SettingsFile, SettingsState,
};
use keyreeve_core::resolve::{Client, Header, Place, Resolution, Slot, State, resolve};
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
        refused_keys: RefusedKeys::read(&file(case, "claude.json").unwrap_or_default()),
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
    assert!(cases.len() >= 71);
    for case in cases {
        check(&case);
    }
}

/// A world with some of what matters in it, in a form that can be taken apart.
#[derive(Clone, Debug)]
struct Situation {
    client: Client,
    pairs: BTreeMap<&'static str, &'static str>,
    /// What settings files set; a helper stands under its own name.
    files: BTreeMap<Scope, BTreeMap<&'static str, &'static str>>,
    login: Option<()>,
}

const HELPER: &str = "apiKeyHelper";
const LOGIN: &str = "login.json";

impl Situation {
    fn resolved(&self, arrange: fn(&mut Snapshot)) -> Resolution {
        let pairs = self.pairs.iter();
        let own = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        let login = r#"{"claudeAiOauth": {"accessToken": "a", "scopes": ["user:inference"]}}"#;
        let mut snapshot = Snapshot {
            settings: self.files.iter().map(settings_file).collect(),
            login: self.login.map(|()| Login {
                path: LOGIN.to_owned(),
                state: LoginState::read(login),
            }),
            ..world(pairs.map(own).collect())
        };
        arrange(&mut snapshot);
        resolve(&snapshot, self.client)
    }

    /// The same world without what stands at a place.
    fn without(&self, place: &Place) -> Self {
        let mut rest = self.clone();
        match place {
            Place::Variable { name } => {
                rest.pairs.remove(name);
            }
            Place::Setting { scope, key, .. } => {
                let name = key.strip_prefix("env.").unwrap_or(key);
                rest.files.get_mut(scope).unwrap().remove(name).unwrap();
            }
            Place::Login { .. } => rest.login = None,
            Place::SdkProfile { .. } | Place::Federation | Place::Profile { .. } => {}
        }
        rest
    }
}

fn settings_file((scope, set): (&Scope, &BTreeMap<&'static str, &'static str>)) -> SettingsFile {
    let variables: serde_json::Map<_, _> = set
        .iter()
        .filter(|(name, _)| **name != HELPER)
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let mut file = serde_json::json!({ "env": variables });
    if let Some(helper) = set.get(HELPER) {
        file[HELPER] = (*helper).into();
    }
    SettingsFile {
        scope: *scope,
        path: scope.name().to_owned(),
        state: SettingsState::Read(Settings::parse(&file.to_string()).unwrap()),
    }
}

/// A client, and a world with some of what matters in it.
fn situations() -> impl Strategy<Value = Situation> {
    let variable = prop::sample::select(vec![
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_SIMPLE",
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
        "ANTHROPIC_BASE_URL",
    ]);
    let setting = prop::sample::select(vec![
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK",
        "ANTHROPIC_BASE_URL",
        HELPER,
    ]);
    let value = || {
        prop::sample::select(vec![
            "",
            " ",
            "0",
            "1",
            "a\nb",
            "one",
            "https://gateway.example",
        ])
    };
    let scope = prop::sample::select(vec![
        Scope::Managed,
        Scope::Flag,
        Scope::Local,
        Scope::Project,
        Scope::User,
    ]);
    let file = prop::collection::btree_map(setting, value(), 1..4);
    (
        prop::sample::select(Client::ALL.to_vec()),
        prop::collection::btree_map(variable, value(), 0..6),
        prop::collection::btree_map(scope, file, 0..4),
        prop::option::of(Just(())),
    )
        .prop_map(|(client, pairs, files, login)| Situation {
            client,
            pairs,
            files,
            login,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_the_environment_is_nothing(situation in situations()) {
        let own = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        let pairs: Pairs = situation.pairs.iter().map(own).collect();
        let reversed = pairs.iter().rev().cloned().collect();
        prop_assert_eq!(asked(situation.client, pairs), asked(situation.client, reversed));
    }

    #[test]
    fn the_order_of_the_files_is_nothing(situation in situations()) {
        let reversed = situation.resolved(|snapshot| snapshot.settings.reverse());
        prop_assert_eq!(situation.resolved(|_| {}), reversed);
    }

    #[test]
    fn taking_away_what_is_shadowed_changes_no_header(situation in situations()) {
        let before = situation.resolved(|_| {});
        for rung in &before.rungs {
            if matches!(rung.state, State::Shadowed { .. }) {
                let after = situation.without(&rung.place).resolved(|_| {});
                let shown = |it: &Resolution| [it.x_api_key.clone(), it.authorization.clone()];
                prop_assert_eq!(shown(&after), shown(&before), "without {}", rung.place);
                prop_assert_eq!(after.payer, before.payer, "without {}", rung.place);
            }
        }
    }
}

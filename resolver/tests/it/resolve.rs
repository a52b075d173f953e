//! Resolution: one directory per case in `tests/cases/resolve`, and three properties.
//!
//! `env.toml` is the environment, `files` are the files, `ask.toml` names the client, `expected.txt` is the expected
//! resolution. Tokens are written `{{api03:A}}`: the family and the letter that fills it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{
    Arguments, Login, LoginState, SettingsFile, SettingsScope, SettingsState, StateFile,
};
use keyreeve_resolver::resolve::{
    ClientProgram, CredentialHeader, Location, Method, Resolution, Slot, StepState, resolve,
};
use keyreeve_resolver::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_resolver::snapshot::Snapshot;
use proptest::prelude::*;

use crate::cases::{expand_tokens, folders, read};

type Pairs = Vec<(String, String)>;

fn resolved(client: ClientProgram, pairs: Pairs) -> Resolution {
    resolve(&snapshot(pairs), client)
}

fn snapshot(pairs: Pairs) -> Snapshot {
    Snapshot {
        home: Some("~".to_owned()),
        ..Snapshot::from_environment(Environment::from_pairs(pairs), Timestamp::UNIX_EPOCH)
    }
}

fn format_slot(slot: Option<&Slot>) -> String {
    slot.map_or_else(
        || "-".to_owned(),
        |slot| {
            let family = slot.family.map(|family| format!(" {family:?}"));
            let hint = slot.hint.as_deref().map(|hint| format!(" {hint}"));
            format!(
                "{}{}{}",
                slot.location,
                family.unwrap_or_default(),
                hint.unwrap_or_default()
            )
        },
    )
}

/// Returns the resolution in the format of `expected.txt`, without absent steps.
fn format_resolution(resolution: &Resolution) -> String {
    let mut text = format!("{}\n", resolution.headline());
    let payer = resolution.payer;
    writeln!(text, "payer: {:?}, {:?}", payer.class, payer.confidence).unwrap();
    for header in [CredentialHeader::XApiKey, CredentialHeader::Authorization] {
        writeln!(text, "{header}: {}", format_slot(resolution.slot(header))).unwrap();
    }
    if resolution.oauth_beta {
        writeln!(text, "with the OAuth beta").unwrap();
    }
    if let Some(found) = &resolution.base_url_override {
        let base_url = found.base_url.as_deref().unwrap_or("(not text)");
        writeln!(text, "to {base_url}, set by {}", found.location).unwrap();
    }
    for step in resolution
        .steps
        .iter()
        .filter(|step| step.state != StepState::Absent)
    {
        let pays = step.would_pay.map_or_else(String::new, |payer| {
            format!(", would pay: {:?}", payer.class)
        });
        writeln!(
            text,
            "{:?} {}: {:?}{pays}",
            step.method, step.location, step.state
        )
        .unwrap();
    }
    text
}

/// Returns the text of a case's file with expanded tokens.
fn file(case: &Path, name: &str) -> Option<String> {
    let path = case.join("files").join(name);
    path.exists().then(|| expand_tokens(&read(&path)))
}

fn settings(case: &Path) -> Vec<SettingsFile> {
    let read = |(scope, name): (SettingsScope, &str)| {
        Some(SettingsFile {
            scope,
            path: name.to_owned(),
            state: match scope {
                SettingsScope::ManagedDropIn | SettingsScope::Managed => {
                    SettingsState::parse_managed(&file(case, name)?)
                }
                SettingsScope::Flag
                | SettingsScope::Repository
                | SettingsScope::Local
                | SettingsScope::Project
                | SettingsScope::User
                | SettingsScope::ReplacedUser
                | SettingsScope::State => SettingsState::parse(&file(case, name)?),
            },
        })
    };
    [
        (SettingsScope::User, "user.json"),
        (SettingsScope::Project, "project.json"),
        (SettingsScope::Local, "local.json"),
        (SettingsScope::Flag, "flag.json"),
        (SettingsScope::Repository, "repository.json"),
        (SettingsScope::Managed, "managed.json"),
        (SettingsScope::ManagedDropIn, "managed.d/10.json"),
        (SettingsScope::ManagedDropIn, "managed.d/20.json"),
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
            config: SdkConfig::parse(&config),
            credentials: credentials.map(|text| SdkCredentials::parse(&text)),
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
        .map(|(name, value)| (name.clone(), expand_tokens(value.as_str().unwrap())))
        .collect();
    let client: ClientProgram = ask["client"].as_str().unwrap().parse().unwrap();
    let client = match ask.get("arguments") {
        None => client,
        Some(line) => client.with_arguments(&Arguments::parse(line.as_str().unwrap().split(' '))),
    };
    let login = file(case, "login.json").map(|text| Login {
        path: "login.json".to_owned(),
        state: LoginState::parse(&text),
    });
    let now = ask.get("now").map_or(Timestamp::UNIX_EPOCH, |now| {
        now.as_str().unwrap().parse().unwrap()
    });
    let state = file(case, "claude.json").unwrap_or_else(|| "{}".to_owned());
    let state = StateFile::parse("claude.json".to_owned(), &state);
    let snapshot = Snapshot {
        settings: settings(case).into_iter().chain([state.settings]).collect(),
        login,
        rejected_keys: state.rejected_keys,
        approved_keys: state.approved_keys,
        stored_key: state.stored_key,
        sdk_stores: vec![sdk_store(case)],
        now,
        ..snapshot(pairs.clone())
    };
    let resolution = resolve(&snapshot, client);
    let text = format_resolution(&resolution);
    assert_eq!(text, read(&case.join("expected.txt")), "{}", case.display());
    for (_, value) in pairs.iter().filter(|(_, value)| value.len() > 40) {
        assert!(
            !format!("{resolution:?}{snapshot:?}").contains(value.trim()),
            "{}",
            case.display()
        );
    }
}

#[test]
fn every_case_resolves_as_expected() {
    let cases = folders("resolve");
    assert!(cases.len() >= 90);
    for case in cases {
        check(&case);
    }
}

/// A client and a machine with some relevant settings, in a form from which settings can be removed.
#[derive(Clone, Debug)]
struct Situation {
    client: ClientProgram,
    pairs: BTreeMap<&'static str, &'static str>,
    /// The settings in files; a helper has its own name as the key.
    files: BTreeMap<SettingsScope, BTreeMap<&'static str, &'static str>>,
    login: Option<()>,
}

const HELPER: &str = "apiKeyHelper";
const LOGIN: &str = "login.json";

impl Situation {
    fn resolved(&self, arrange: fn(&mut Snapshot)) -> Resolution {
        let pairs = self.pairs.iter();
        let owned = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        let login = r#"{"claudeAiOauth": {"accessToken": "a", "scopes": ["user:inference"]}}"#;
        let mut snapshot = Snapshot {
            settings: self.files.iter().map(settings_file).collect(),
            login: self.login.map(|()| Login {
                path: LOGIN.to_owned(),
                state: LoginState::parse(login),
            }),
            ..snapshot(pairs.map(owned).collect())
        };
        arrange(&mut snapshot);
        resolve(&snapshot, self.client)
    }

    /// Returns `true` if a project's settings set an OAuth token, which older releases use depending on the login.
    fn has_project_token(&self) -> bool {
        let files = self.files.iter().filter(|(scope, _)| scope.is_project());
        let mut sets = files.map(|(_, set)| set);
        sets.any(|set| set.contains_key("CLAUDE_CODE_OAUTH_TOKEN"))
    }

    /// Returns the same situation without the setting at a location.
    fn without(&self, location: &Location) -> Self {
        let mut remaining = self.clone();
        match location {
            Location::Variable { name } => {
                remaining.pairs.remove(name);
            }
            Location::Setting { scope, key, .. } => {
                let name = key.strip_prefix("env.").unwrap_or(key);
                remaining
                    .files
                    .get_mut(scope)
                    .unwrap()
                    .remove(name)
                    .unwrap();
            }
            Location::Login { .. } => remaining.login = None,
            Location::SdkProfile { .. } | Location::Federation | Location::Profile { .. } => {}
        }
        remaining
    }
}

fn settings_file(
    (scope, set): (&SettingsScope, &BTreeMap<&'static str, &'static str>),
) -> SettingsFile {
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
        state: SettingsState::parse(&file.to_string()),
    }
}

/// Generates clients and machines with some relevant settings.
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
        SettingsScope::Managed,
        SettingsScope::Flag,
        SettingsScope::Local,
        SettingsScope::Project,
        SettingsScope::User,
    ]);
    let file = prop::collection::btree_map(setting, value(), 1..4);
    (
        prop::sample::select(ClientProgram::ALL.to_vec()),
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
    fn order_of_the_environment_is_irrelevant(situation in situations()) {
        let owned = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        let pairs: Pairs = situation.pairs.iter().map(owned).collect();
        let reversed = pairs.iter().rev().cloned().collect();
        prop_assert_eq!(resolved(situation.client, pairs), resolved(situation.client, reversed));
    }

    #[test]
    fn order_of_the_files_is_irrelevant(situation in situations()) {
        let reversed = situation.resolved(|snapshot| snapshot.settings.reverse());
        prop_assert_eq!(situation.resolved(|_| {}), reversed);
    }

    #[test]
    fn removing_a_shadowed_step_changes_no_header(situation in situations()) {
        let before = situation.resolved(|_| {});
        for step in &before.steps {
            let decides = step.method == Method::Login && situation.has_project_token();
            if matches!(step.state, StepState::Shadowed { .. }) && !decides {
                let after = situation.without(&step.location).resolved(|_| {});
                let shown = |it: &Resolution| [it.x_api_key.clone(), it.authorization.clone()];
                prop_assert_eq!(shown(&after), shown(&before), "without {}", step.location);
                prop_assert_eq!(after.payer, before.payer, "without {}", step.location);
            }
        }
    }
}

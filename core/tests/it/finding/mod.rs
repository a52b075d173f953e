//! What `doctor` finds: a table of worlds and the codes they give, and the syntaxes in which variables are set.

mod evidence;
mod own;
mod pages;
mod texts;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::claude_code::{
    Login, LoginState, Renewal, Scope, Settings, SettingsFile, SettingsState,
};
use keyreeve_core::finding::{Evidence, Finding, Reader, Script, findings};
use keyreeve_core::resolve::{Client, resolve};
use keyreeve_core::snapshot::{Environment, Snapshot};

const NOW: Timestamp = Timestamp::constant(1_795_268_000, 0);

/// A token of the canonical shape, put together so that no scanner stops at this file.
fn token(family: &str) -> String {
    format!(
        "sk-ant-{family}-{}AA",
        "Fake0_".repeat(16).get(..93).unwrap()
    )
}

/// Puts made-up tokens where `{api}`, `{oat}`, `{admin}` and `{other}` stand.
fn expanded(text: &str) -> String {
    text.replace("{api}", &token("api03"))
        .replace("{oat}", &token("oat01"))
        .replace("{admin}", &token("admin01"))
        .replace("{other}", &token("api03").replace("Fake", "Else"))
}

#[derive(Default)]
struct World<'a> {
    variables: &'a [(&'a str, &'a str)],
    login: Option<LoginState>,
    settings: &'a [(Scope, &'a str)],
    evidence: Evidence,
}

impl World<'_> {
    fn snapshot(&self) -> Snapshot {
        let pairs = self
            .variables
            .iter()
            .map(|(name, value)| (*name, expanded(value)));
        let mut snapshot = Snapshot::of_environment(Environment::from_pairs(pairs), NOW);
        snapshot.home = Some("/home/me".to_owned());
        snapshot.login = self.login.clone().map(|state| Login {
            path: "/home/me/.claude/.credentials.json".to_owned(),
            state,
        });
        snapshot.settings = self
            .settings
            .iter()
            .map(|(scope, text)| SettingsFile {
                scope: *scope,
                path: format!("/{}.json", scope.name()),
                state: match Settings::parse(&expanded(text)) {
                    Ok(settings) => SettingsState::Read(settings),
                    Err(damage) => SettingsState::Damaged(damage),
                },
            })
            .collect();
        snapshot
    }

    fn found(&self) -> Vec<Finding> {
        let snapshot = self.snapshot();
        let resolutions = [resolve(&snapshot, Client::CLAUDE_CODE)];
        let found = findings(&snapshot, &self.evidence, &resolutions);
        for finding in &found {
            let told = format!("{finding:?}");
            assert!(!told.contains("Fake0_Fake0_"), "{told}");
        }
        found
    }

    #[track_caller]
    fn gives(&self, expected: &[&str]) {
        let codes: Vec<_> = self.found().iter().map(|it| it.code.name()).collect();
        assert_eq!(codes, expected, "{:?} {:?}", self.variables, self.settings);
    }
}

fn logged_in() -> LoginState {
    LoginState::Present {
        expires_at: None,
        renewal: Renewal::ByItself,
        subscription: Some("max".to_owned()),
    }
}

fn script(path: &str, reader: Reader, text: &str) -> Evidence {
    Evidence {
        scripts: vec![Script::read(path.to_owned(), reader, &expanded(text))],
        ..Evidence::default()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn variables_give_their_codes() {
    const KEY: &str = "ANTHROPIC_API_KEY";
    const AUTH: &str = "ANTHROPIC_AUTH_TOKEN";
    const OAUTH: &str = "CLAUDE_CODE_OAUTH_TOKEN";
    const BASE: &str = "ANTHROPIC_BASE_URL";
    for (variables, codes) in [
        (&[][..], &[][..]),
        (&[(KEY, "{api}")], &[]),
        (&[(KEY, "{api}"), (AUTH, "{oat}")], &["KR102", "KR111"]),
        (&[(KEY, "\"{api}\"")], &["KR103"]),
        (&[(AUTH, "Bearer {api}")], &["KR104"]),
        (&[(KEY, "{oat}")], &["KR105"]),
        (&[(OAUTH, "{api}")], &["KR106", "KR311"]),
        (
            &[
                (KEY, "a-gateways-own-key-of-32-letters"),
                (BASE, "https://gateway.example"),
            ],
            &["KR107"],
        ),
        (&[(KEY, "")], &["KR108"]),
        (&[(KEY, "{admin}")], &["KR109"]),
        (&[(KEY, "{api}\n{api}")], &["KR110"]),
        (&[(AUTH, "{oat}")], &["KR111"]),
        (&[(KEY, "{api}"), ("ANTHROPIC_PROFILE", "work")], &["KR112"]),
        (
            &[(KEY, "{api}"), (BASE, "https://user:word@gateway.example")],
            &["KR113"],
        ),
        (
            &[(KEY, "{api}"), (BASE, "https://gateway.example/v1/")],
            &["KR114"],
        ),
        (
            &[
                (KEY, "{api}"),
                (BASE, "https://gateway.example/v1/messages"),
            ],
            &["KR114"],
        ),
        (
            &[(KEY, "{api}"), (BASE, "http://gateway.example")],
            &["KR115"],
        ),
        (&[(KEY, "{api}"), (BASE, "http://127.0.0.1:8080")], &[]),
        (
            &[("ANTHROPIC_CUSTOM_HEADERS", "X-Team: a\nAuthorization: b")],
            &["KR116"],
        ),
        (&[(OAUTH, "{oat}")], &["KR311"]),
        (
            &[(OAUTH, "{oat}"), ("CLAUDE_CODE_SIMPLE", "1")],
            &["KR309", "KR311"],
        ),
        (&[(KEY, "{api}"), ("TERM_PROGRAM", "vscode")], &["KR310"]),
        (
            &[(OAUTH, "{oat}"), (BASE, "https://gateway.example")],
            &["KR312", "KR311"],
        ),
        (&[("https_proxy", "http://p:1")], &["KR401"]),
        (&[("NODE_EXTRA_CA_CERTS", "/ca.pem")], &["KR402"]),
        (&[("NODE_TLS_REJECT_UNAUTHORIZED", "0")], &["KR403"]),
        (&[("PATH", "/usr/bin:.:/bin")], &["KR405"]),
        (&[("PATH", "/usr/bin:/bin")], &[]),
    ] {
        World {
            variables,
            ..World::default()
        }
        .gives(codes);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn logins_and_settings_give_their_codes() {
    let ended = LoginState::Present {
        expires_at: Some(NOW - SignedDuration::from_hours(1)),
        renewal: Renewal::ByThePerson,
        subscription: None,
    };
    let key: &[(&str, &str)] = &[("ANTHROPIC_API_KEY", "{api}")];
    let user = Scope::User;
    for (variables, login, settings, codes) in [
        (&[][..], Some(logged_in()), &[][..], &[][..]),
        (key, Some(logged_in()), &[], &["KR101"]),
        (
            &[("CLAUDE_CODE_OAUTH_TOKEN", "{oat}")],
            Some(logged_in()),
            &[],
            &["KR311"],
        ),
        (
            &[
                ("ANTHROPIC_AUTH_TOKEN", "a-gateways-own-key-of-32-letters"),
                ("ANTHROPIC_BASE_URL", "https://gateway.example"),
            ],
            Some(logged_in()),
            &[],
            &[],
        ),
        (
            key,
            None,
            &[(user, r#"{"env": {"ANTHROPIC_API_KEY": "{other}"}}"#)],
            &["KR301"],
        ),
        (
            &[],
            Some(logged_in()),
            &[(
                Scope::Project,
                r#"{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}}"#,
            )],
            &["KR302"],
        ),
        (
            &[],
            None,
            &[(Scope::Local, r#"{"apiKeyHelper": "cat /key"}"#)],
            &["KR302"],
        ),
        (
            &[],
            None,
            &[(
                Scope::Local,
                r#"{"env": {"node_options": "-r ./steal", "ANTHROPIC_MODEL": "x"}}"#,
            )],
            &["KR302"],
        ),
        (&[], None, &[(Scope::Project, r#"{"hooks": {}}"#)], &[]),
        (&[], Some(LoginState::read("{")), &[], &["KR303"]),
        (&[], None, &[(user, "[")], &["KR304"]),
        (&[], Some(ended), &[], &["KR305"]),
        (
            &[],
            None,
            &[(user, r#"{"apiKeyHelper": "echo {api}"}"#)],
            &["KR306"],
        ),
        (
            &[],
            None,
            &[(user, r#"{"apiKeyHelper": "pass show key"}"#)],
            &[],
        ),
        (
            &[("CLAUDE_CODE_SIMPLE", "1")],
            Some(logged_in()),
            &[],
            &["KR309"],
        ),
    ] {
        World {
            variables,
            login,
            settings,
            evidence: Evidence::default(),
        }
        .gives(codes);
    }
}

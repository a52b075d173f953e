//! Findings of `doctor`: tables of machines and their finding codes.

mod evidence;
mod formats;
mod leftovers;
mod pages;
mod profiles;
mod reach;
mod repair;
mod syntax;

use jiff::{SignedDuration, Timestamp};
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{
    Login, LoginRenewal, LoginState, SettingsFile, SettingsScope, SettingsState,
};
use keyreeve_resolver::finding::{Evidence, Finding, Script, ScriptKind, Severity, findings};
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::Snapshot;

const NOW: Timestamp = Timestamp::constant(1_795_268_000, 0);

/// A token in canonical form, assembled here so that secret scanners do not report this file.
fn token(family: &str) -> String {
    format!(
        "sk-ant-{family}-{}AA",
        "Fake0_".repeat(16).get(..93).unwrap()
    )
}

/// Replaces `{api}`, `{oat}`, `{admin}` and `{other}` with fake tokens.
fn expand_tokens(text: &str) -> String {
    text.replace("{api}", &token("api03"))
        .replace("{oat}", &token("oat01"))
        .replace("{admin}", &token("admin01"))
        .replace("{other}", &token("api03").replace("Fake", "Else"))
}

#[derive(Default)]
struct Machine<'a> {
    variables: &'a [(&'a str, &'a str)],
    login: Option<LoginState>,
    settings: &'a [(SettingsScope, &'a str)],
    evidence: Evidence,
}

impl Machine<'_> {
    fn snapshot(&self) -> Snapshot {
        let pairs = self
            .variables
            .iter()
            .map(|(name, value)| (*name, expand_tokens(value)));
        let mut snapshot = Snapshot::from_environment(Environment::from_pairs(pairs), NOW);
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
                state: SettingsState::parse(&expand_tokens(text)),
            })
            .collect();
        snapshot
    }

    fn checked_findings(&self) -> Vec<Finding> {
        let snapshot = self.snapshot();
        let resolutions = [resolve(&snapshot, ClientProgram::CLAUDE_CODE)];
        let found = findings(&snapshot, &self.evidence, &resolutions);
        for finding in &found {
            let shown = format!("{finding:?}");
            assert!(!shown.contains("Fake0_Fake0_"), "{shown}");
        }
        found
    }

    #[track_caller]
    fn assert_codes(&self, expected: &[&str]) {
        let codes: Vec<_> = self
            .checked_findings()
            .iter()
            .map(|it| it.code.name())
            .collect();
        assert_eq!(codes, expected, "{:?} {:?}", self.variables, self.settings);
    }
}

fn logged_in() -> LoginState {
    LoginState::Present {
        expires_at: None,
        renewal: LoginRenewal::Automatic,
        subscription: Some("max".to_owned()),
    }
}

fn script(path: &str, kind: ScriptKind, text: &str) -> Evidence {
    Evidence {
        scripts: vec![Script::parse(path.to_owned(), kind, &expand_tokens(text))],
        ..Evidence::default()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn variables_have_their_codes() {
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
            &["KR102", "KR113"],
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
        Machine {
            variables,
            ..Machine::default()
        }
        .assert_codes(codes);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn logins_and_settings_have_their_codes() {
    let expired = LoginState::Present {
        expires_at: Some(NOW - SignedDuration::from_hours(1)),
        renewal: LoginRenewal::SignInAgain,
        subscription: None,
    };
    let key: &[(&str, &str)] = &[("ANTHROPIC_API_KEY", "{api}")];
    let user = SettingsScope::User;
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
                SettingsScope::Project,
                r#"{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}}"#,
            )],
            &["KR302"],
        ),
        (
            &[],
            None,
            &[(SettingsScope::Local, r#"{"apiKeyHelper": "cat /key"}"#)],
            &["KR302"],
        ),
        (
            &[],
            None,
            &[(
                SettingsScope::Local,
                r#"{"env": {"node_options": "-r ./steal", "ANTHROPIC_MODEL": "x"}}"#,
            )],
            &["KR302"],
        ),
        (
            &[],
            None,
            &[(SettingsScope::Project, r#"{"hooks": {}}"#)],
            &[],
        ),
        (&[], Some(LoginState::parse("{")), &[], &["KR303"]),
        (&[], None, &[(user, "[")], &["KR304"]),
        (&[], Some(expired), &[], &["KR305"]),
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
        Machine {
            variables,
            login,
            settings,
            evidence: Evidence::default(),
        }
        .assert_codes(codes);
    }
}

/// F-04: a value that is known to be no credential, and a base URL that no client can use, are errors.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn values_that_cannot_work_are_errors() {
    const KEY: &str = "ANTHROPIC_API_KEY";
    const BASE: &str = "ANTHROPIC_BASE_URL";
    let credentials = [
        "op://vault/a/credential",
        "OP://Private/Anthropic key/credential",
        "vault:secret/data/anthropic#key",
        "${ANTHROPIC_API_KEY}",
        "$ANTHROPIC_API_KEY",
        "$(pass show anthropic)",
        "{{ anthropic_key }}",
        "%ANTHROPIC_API_KEY%",
        "your-api-key-here",
        "sk-ant-api03-xxxxxxxxxxxx",
        "<your key>",
        "sk-ant-...",
    ];
    let base_urls = [
        "api.anthropic.com",
        "localhost:8080",
        "api.anthropic.com:443/v1",
        "//gateway.example",
        "\"https://api.anthropic.com\"",
        "'https://gateway.example",
        "https://gateway.example\u{201d}",
        "${GATEWAY_URL}",
        "https://gate way.example",
        "ftp://gateway.example",
        "https://",
    ];
    let cases = credentials
        .map(|value| (KEY, value, "KR117"))
        .into_iter()
        .chain(base_urls.map(|value| (BASE, value, "KR118")));
    for (name, value, code) in cases {
        let found = Machine {
            variables: &[(name, value)],
            ..Machine::default()
        }
        .checked_findings();
        let finding = found.iter().find(|finding| finding.code.name() == code);
        assert_eq!(
            finding.map(|it| it.code.severity()),
            Some(Severity::Error),
            "{name}={value}: {found:?}"
        );
        let settings = format!(r#"{{"env": {{"{name}": {value:?}}}}}"#);
        let in_settings = Machine {
            settings: &[(SettingsScope::User, &settings)],
            ..Machine::default()
        }
        .checked_findings();
        let has_code = in_settings.iter().any(|it| it.code.name() == code);
        assert!(has_code || settings.contains("\\u{"), "{settings}");
    }
    for (name, value) in [
        (KEY, "{api}"),
        (BASE, "https://your-gateway.example:8443/anthropic"),
        (BASE, "http://[::1]:8080"),
        (BASE, " "),
    ] {
        let found = Machine {
            variables: &[(name, value)],
            ..Machine::default()
        }
        .checked_findings();
        let is_error = |it: &Finding| matches!(it.code.name(), "KR117" | "KR118");
        assert!(!found.iter().any(is_error), "{name}={value}: {found:?}");
    }
}

//! Launch plans: whatever else the machine has, only the intended credential is sent, or nothing is started.

mod conflicts;
mod errors;

use std::fmt::Write as _;

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::binding::Expected;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::token::Family;
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{
    Arguments, Login, LoginState, SettingsFile, SettingsScope, SettingsState, StateFile,
};
use keyreeve_resolver::launch::{
    LaunchError, LaunchGoal, LaunchPlan, Target, VerifiedPlan, plan, verify,
};
use keyreeve_resolver::resolve::ClientProgram;
use keyreeve_resolver::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_resolver::snapshot::{KeyreeveState, Snapshot};
use uuid::Uuid;

/// A machine with other credentials than the intended one.
#[derive(Default)]
struct Machine {
    variables: Vec<(String, String)>,
    files: Vec<(SettingsScope, &'static str)>,
    login: Option<&'static str>,
    profiles: Vec<Profile>,
    /// The suffix of a key that the user rejected in Claude Code.
    rejected: Option<&'static str>,
    /// Claude Code's state file, with the key of a Console sign-in.
    stored_key: Option<&'static str>,
    /// The configuration of the SDK profile, or `None` for one with only the kind of its token.
    sdk_config: Option<&'static str>,
}

const LOGIN: &str = r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "b", "expiresAt": 1, "scopes": ["user:inference"]}}"#;

const SDK_CONFIG: &str = r#"{"authentication": {"type": "user_oauth", "client_id": "c"}}"#;

impl Machine {
    fn with_variables(pairs: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: pairs.iter().map(owned).collect(),
            login: Some(LOGIN),
            ..Self::default()
        }
    }

    fn with_file(scope: SettingsScope, text: &'static str) -> Self {
        Self {
            files: vec![(scope, text)],
            login: Some(LOGIN),
            ..Self::default()
        }
    }

    fn snapshot(&self, environment: Environment) -> Snapshot {
        let file = |(scope, text): &(SettingsScope, &str)| SettingsFile {
            scope: *scope,
            path: format!("/{}.json", scope.name()),
            state: SettingsState::parse(text),
        };
        let work = SdkProfile {
            name: "team".to_owned(),
            config: SdkConfig::parse(self.sdk_config.unwrap_or(SDK_CONFIG)),
            credentials: Some(SdkCredentials::Present { expires_at: None }),
        };
        let suffixes: Vec<_> = self.rejected.into_iter().collect();
        let rejected = format!(r#"{{"customApiKeyResponses": {{"rejected": {suffixes:?}}}}}"#);
        let rejected = StateFile::parse("/.claude.json".to_owned(), &rejected);
        Snapshot {
            home: Some("/home/me".to_owned()),
            rejected_keys: rejected.rejected_keys,
            stored_key: self
                .stored_key
                .and_then(|text| StateFile::parse("/.claude.json".to_owned(), text).stored_key),
            settings: self.files.iter().map(file).collect(),
            login: self.login.map(|text| Login {
                path: "/login.json".to_owned(),
                state: LoginState::parse(text),
            }),
            sdk_stores: vec![SdkStore {
                directory: "/home/me/.config/anthropic".to_owned(),
                active: Some("team".to_owned()),
                profiles: vec![work],
            }],
            keyreeve: KeyreeveState {
                profiles: self.profiles.clone(),
                ..KeyreeveState::default()
            },
            ..Snapshot::from_environment(
                environment,
                Timestamp::from_second(1_795_000_000).unwrap(),
            )
        }
    }

    fn environment(&self) -> Environment {
        Environment::from_pairs(self.variables.iter().cloned())
    }

    fn plan_and_verify(
        &self,
        goal: LaunchGoal<'_>,
        target: &Target,
    ) -> Result<(LaunchPlan, VerifiedPlan), LaunchError> {
        let plan = plan(&self.snapshot(self.environment()), goal, target)?;
        let planned = self.snapshot(plan.environment(&self.environment()));
        let verified = verify(planned, &plan, target)?;
        Ok((plan, verified))
    }
}

fn profile(name: &str, url: &str, source: Source) -> Profile {
    let base_url = BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap();
    let api = Api::from_base_url(&base_url);
    Profile {
        id: ProfileId(Uuid::from_u128(7)),
        name: name.parse().unwrap(),
        provenance: api.provenance(&source, Family::ApiKey),
        family: matches!(source, Source::Sealed).then_some(Family::ApiKey),
        source,
        auth: api.default_auth(),
        billing: api.billing(),
        base_url,
        hint: None,
        secret_exposure: SecretExposure::Programs,
        simulated: false,
        expires_at: None,
        created_at: Timestamp::UNIX_EPOCH,
        rotated_at: None,
    }
}

const VENDOR: &str = "https://api.anthropic.com";

fn key() -> Profile {
    profile("work", VENDOR, Source::Sealed)
}

fn gateway() -> Profile {
    profile("gate", "https://gateway.example/a", Source::Sealed)
}

fn sdk_profile() -> Profile {
    let name = "team".parse().unwrap();
    let directory = Some("/home/me/.config/anthropic".to_owned());
    Profile {
        auth: Auth::Bearer,
        ..profile("fed", VENDOR, Source::SdkProfile { directory, name })
    }
}

fn ant() -> Profile {
    profile("ant", VENDOR, Source::Ant { profile: None })
}

fn setup_token() -> Profile {
    Profile {
        family: Some(Family::OauthAccess),
        provenance: Provenance::SetupToken,
        billing: BillingClass::Plan,
        secret_exposure: SecretExposure::RequestsOnly,
        ..profile("mine", VENDOR, Source::Sealed)
    }
}

fn claude_login(config_dir: Option<&str>) -> Profile {
    let config_dir = config_dir.map(ToOwned::to_owned);
    Profile {
        billing: BillingClass::Plan,
        secret_exposure: SecretExposure::RequestsOnly,
        ..profile("own", VENDOR, Source::ClaudeLogin { config_dir })
    }
}

/// Every kind of profile that can pay for Claude Code.
fn every_profile() -> Vec<Profile> {
    let variable = Source::Environment {
        variable: "MY_KEY".to_owned(),
    };
    let argv = vec!["/bin/pass".to_owned()];
    vec![
        key(),
        gateway(),
        profile("env", VENDOR, variable),
        profile("cmd", VENDOR, Source::Command { argv }),
        sdk_profile(),
        ant(),
        setup_token(),
        claude_login(None),
        claude_login(Some("/other")),
    ]
}

fn claude(line: &str) -> Target {
    Target::new("/usr/bin/claude", None, arguments(line))
}

fn arguments(line: &str) -> Arguments {
    Arguments::parse(line.split_whitespace())
}

fn python() -> Target {
    Target::new("/usr/bin/python3", None, Arguments::default())
}

#[test]
fn each_kind_of_profile_has_its_own_delivery() {
    let machine = Machine::with_variables(&[("ANTHROPIC_API_KEY", "stray"), ("LANG", "C")]);
    let mut described = String::new();
    for profile in every_profile() {
        let goal = LaunchGoal::Profile(&profile);
        let (plan, verified) = machine.plan_and_verify(goal, &claude("-p hi")).unwrap();
        let set = plan.set.iter().map(|it| {
            format!(
                "{}={}",
                it.name,
                it.value.as_deref().unwrap_or("(the secret)")
            )
        });
        let set: Vec<_> = set
            .chain(plan.remove.iter().map(|name| format!("-{name}")))
            .collect();
        writeln!(
            described,
            "{}: {}\n  {}",
            profile.name,
            verified.summary,
            set.join(" ")
        )
        .unwrap();
    }
    let managed = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST=1";
    let quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1";
    let key = format!("ANTHROPIC_API_KEY=(the secret) {quiet} {managed}");
    let credit = "pays (organization credit) for /usr/bin/claude";
    let plan = "pays (a plan) for /usr/bin/claude";
    let expected = format!(
        "work: ANTHROPIC_API_KEY of profile work {credit}\n  {key}\n\
         gate: ANTHROPIC_AUTH_TOKEN of profile gate is sent to https://gateway.example/a for /usr/bin/claude, and that gateway \
         decides who pays\n  ANTHROPIC_AUTH_TOKEN=(the secret) ANTHROPIC_BASE_URL=https://gateway.example/a \
         CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 {managed} -ANTHROPIC_API_KEY\n\
         env: ANTHROPIC_API_KEY of profile env {credit}\n  {key}\n\
         cmd: ANTHROPIC_API_KEY of profile cmd {credit}\n  {key}\n\
         fed: the SDK profile team of profile fed {credit}\n  ANTHROPIC_PROFILE=team \
         ANTHROPIC_CONFIG_DIR=/home/me/.config/anthropic CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 -ANTHROPIC_API_KEY\n\
         ant: the SDK profile team of profile ant {credit}\n  ANTHROPIC_PROFILE=team CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 -ANTHROPIC_API_KEY\n\
         mine: CLAUDE_CODE_OAUTH_TOKEN of profile mine {plan}\n  CLAUDE_CODE_OAUTH_TOKEN=(the secret) {quiet} \
         -ANTHROPIC_API_KEY\n\
         own: Claude Code's own login of profile own {plan}\n  -ANTHROPIC_API_KEY\n\
         own: Claude Code's own login of profile own {plan}\n  CLAUDE_CONFIG_DIR=/other -ANTHROPIC_API_KEY\n"
    );
    assert_eq!(described, expected);
}

#[test]
fn background_requests_stay_on_if_they_carry_no_login() {
    let mut machine = Machine::with_variables(&[("ANTHROPIC_API_KEY", "stray"), ("LANG", "C")]);
    // Without a login there is none that background requests could carry, and the newest release sends none.
    let newest = Target::new(
        "/bin/claude",
        Some(ClientProgram::CLAUDE_CODE),
        arguments("-p"),
    );
    let work = key();
    let (plan, _) = machine
        .plan_and_verify(LaunchGoal::Profile(&work), &newest)
        .unwrap();
    machine.login = None;
    let (other, _) = machine
        .plan_and_verify(LaunchGoal::Profile(&work), &claude("-p hi"))
        .unwrap();
    for plan in [plan, other] {
        assert!(plan.set.iter().all(|it| !it.name.contains("NONESSENTIAL")));
    }
}

#[test]
fn expected_payer_is_checked() {
    let machine = Machine::with_variables(&[]);
    let pays = |goal, expected: &str| {
        let (plan, verified) = machine.plan_and_verify(goal, &claude("-p")).unwrap();
        verified
            .check_expected(&expected.parse::<Expected>().unwrap(), &plan)
            .is_ok()
    };
    let (work, gate, mine) = (key(), gateway(), setup_token());
    for (goal, expected) in [
        (LaunchGoal::OwnLogin, "plan"),
        (LaunchGoal::Profile(&work), "metered"),
        (LaunchGoal::Profile(&work), "work"),
        (LaunchGoal::Profile(&gate), "gateway"),
        (LaunchGoal::Profile(&mine), "plan"),
    ] {
        assert!(pays(goal, expected), "{expected}");
    }
    for (goal, expected) in [
        (LaunchGoal::OwnLogin, "metered"),
        (LaunchGoal::OwnLogin, "work"),
        (LaunchGoal::Profile(&work), "plan"),
        (LaunchGoal::Profile(&work), "gate"),
        (LaunchGoal::Profile(&gate), "metered"),
    ] {
        assert!(!pays(goal, expected), "{expected}");
    }
}

#[test]
fn program_behind_gateway_gets_only_a_virtual_key() {
    let gateway = BaseUrl::parse("http://127.0.0.1:8484", PlainHttp::LoopbackOnly).unwrap();
    let gateway = &gateway;
    let mut machine = Machine::with_variables(&[("ANTHROPIC_API_KEY", "stray")]);
    machine.login = None;
    let mut work = key();
    work.secret_exposure = SecretExposure::RequestsOnly;
    for (target, profile) in [(claude("-p hi"), &work), (python(), &sdk_profile())] {
        let goal = LaunchGoal::Gateway { gateway, profile };
        let (plan, verified) = machine.plan_and_verify(goal, &target).unwrap();
        let set: Vec<_> = plan.set.iter().map(|it| it.name).collect();
        let managed = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";
        assert_eq!(set, ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", managed]);
        assert_eq!(plan.set[1].value, Some(gateway.to_string()));
        assert_eq!(plan.remove, ["ANTHROPIC_API_KEY"]);
        assert!(
            verified.summary.contains("a virtual key"),
            "{}",
            verified.summary
        );
    }
    let profile = &setup_token();
    let result = machine.plan_and_verify(LaunchGoal::Gateway { gateway, profile }, &claude("-p"));
    assert!(matches!(
        result,
        Err(LaunchError::PlanLoginBehindKey { .. })
    ));
}

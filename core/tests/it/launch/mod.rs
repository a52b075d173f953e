//! Plans of how a program is started: whatever a machine holds, what is meant is all that is sent, or nothing is started.

mod refused;
mod rivals;

use std::fmt::Write as _;

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::claude_code::{
    Arguments, Login, LoginState, RefusedKeys, Scope, Settings, SettingsFile, SettingsState,
};
use keyreeve_core::launch::{Intention, Judged, Plan, Refusal, Target, judge, plan};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::resolve::{Client, Expected};
use keyreeve_core::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_core::snapshot::{Environment, Own, Snapshot};
use keyreeve_core::token::Family;
use uuid::Uuid;

/// What a machine holds beside what is meant.
#[derive(Default)]
struct Machine {
    variables: Vec<(String, String)>,
    files: Vec<(Scope, &'static str)>,
    login: Option<&'static str>,
    own: Vec<Profile>,
    /// The end of a key that the person told Claude Code not to use.
    refused: Option<&'static str>,
    /// What the configuration of the SDKs' profile says; none: nothing but how its token is had.
    sdk_config: Option<&'static str>,
}

const LOGIN: &str = r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "b", "expiresAt": 1, "scopes": ["user:inference"]}}"#;

const SDK_CONFIG: &str = r#"{"authentication": {"type": "user_oauth", "client_id": "c"}}"#;

impl Machine {
    fn with_variables(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: pairs.iter().map(own).collect(),
            login: Some(LOGIN),
            ..Self::default()
        }
    }

    fn with_file(scope: Scope, text: &'static str) -> Self {
        Self {
            files: vec![(scope, text)],
            login: Some(LOGIN),
            ..Self::default()
        }
    }

    fn snapshot(&self, environment: Environment) -> Snapshot {
        let file = |(scope, text): &(Scope, &str)| SettingsFile {
            scope: *scope,
            path: format!("/{}.json", scope.name()),
            state: match Settings::parse(text) {
                Ok(settings) => SettingsState::Read(settings),
                Err(damage) => SettingsState::Damaged(damage),
            },
        };
        let work = SdkProfile {
            name: "team".to_owned(),
            config: SdkConfig::read(self.sdk_config.unwrap_or(SDK_CONFIG)),
            credentials: Some(SdkCredentials::Present { expires_at: None }),
        };
        let refused = self
            .refused
            .map(|end| format!(r#"{{"customApiKeyResponses": {{"rejected": ["{end}"]}}}}"#));
        Snapshot {
            home: Some("/home/me".to_owned()),
            refused_keys: RefusedKeys::read(&refused.unwrap_or_default()),
            settings: self.files.iter().map(file).collect(),
            login: self.login.map(|text| Login {
                path: "/login.json".to_owned(),
                state: LoginState::read(text),
            }),
            sdk_stores: vec![SdkStore {
                directory: "/home/me/.config/anthropic".to_owned(),
                active: Some("team".to_owned()),
                profiles: vec![work],
            }],
            own: Own {
                profiles: self.own.clone(),
                ..Own::default()
            },
            ..Snapshot::of_environment(environment, Timestamp::from_second(1_795_000_000).unwrap())
        }
    }

    fn environment(&self) -> Environment {
        Environment::from_pairs(self.variables.iter().cloned())
    }

    fn started(
        &self,
        intention: Intention<'_>,
        target: &Target,
    ) -> Result<(Plan, Judged), Refusal> {
        let plan = plan(&self.snapshot(self.environment()), intention, target)?;
        let planned = self.snapshot(plan.environment(&self.environment()));
        let judged = judge(planned, &plan, target)?;
        Ok((plan, judged))
    }
}

fn profile(name: &str, url: &str, source: Source) -> Profile {
    let base_url = BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap();
    let api = Api::at(&base_url);
    Profile {
        id: ProfileId(Uuid::from_u128(7)),
        name: name.parse().unwrap(),
        provenance: api.provenance(&source, Family::ApiKey),
        family: matches!(source, Source::Sealed).then_some(Family::ApiKey),
        source,
        auth: api.usual_auth(),
        billing: api.billing(),
        base_url,
        hint: None,
        handing: Handing::Direct,
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
        handing: Handing::Leased,
        ..profile("mine", VENDOR, Source::Sealed)
    }
}

fn claude_login(config_dir: Option<&str>) -> Profile {
    let config_dir = config_dir.map(ToOwned::to_owned);
    Profile {
        billing: BillingClass::Plan,
        handing: Handing::Leased,
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
    Target::of("/usr/bin/claude", None, arguments(line))
}

fn arguments(line: &str) -> Arguments {
    Arguments::read(line.split_whitespace())
}

fn python() -> Target {
    Target::of("/usr/bin/python3", None, Arguments::default())
}

#[test]
fn each_kind_of_profile_is_handed_over_in_its_own_way() {
    let mut machine = Machine::with_variables(&[("ANTHROPIC_API_KEY", "stray"), ("LANG", "C")]);
    let mut told = String::new();
    for profile in every_profile() {
        let intention = Intention::Profile(&profile);
        let (plan, judged) = machine.started(intention, &claude("-p hi")).unwrap();
        let set = plan.set.iter().map(|it| {
            format!(
                "{}={}",
                it.name,
                it.text.as_deref().unwrap_or("(the secret)")
            )
        });
        let set: Vec<_> = set
            .chain(plan.remove.iter().map(|name| format!("-{name}")))
            .collect();
        writeln!(
            told,
            "{}: {}\n  {}",
            profile.name,
            judged.line,
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
         gate: ANTHROPIC_AUTH_TOKEN of profile gate goes to https://gateway.example/a for /usr/bin/claude: that gateway \
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
    assert_eq!(told, expected);

    // Without a login there is none that background calls could carry, and the newest release sends none.
    let newest = Target::of("/bin/claude", Some(Client::CLAUDE_CODE), arguments("-p"));
    let work = self::key();
    let (plan, _) = machine.started(Intention::Profile(&work), &newest).unwrap();
    machine.login = None;
    let (other, _) = machine
        .started(Intention::Profile(&work), &claude("-p hi"))
        .unwrap();
    for plan in [plan, other] {
        assert!(plan.set.iter().all(|it| !it.name.contains("NONESSENTIAL")));
    }
}

#[test]
fn who_is_expected_has_to_pay() {
    let machine = Machine::with_variables(&[]);
    let met = |intention, expected: &str| {
        let (plan, judged) = machine.started(intention, &claude("-p")).unwrap();
        judged
            .meets(&expected.parse::<Expected>().unwrap(), &plan)
            .is_ok()
    };
    let (work, gate, mine) = (key(), gateway(), setup_token());
    for (intention, expected) in [
        (Intention::Native, "plan"),
        (Intention::Profile(&work), "metered"),
        (Intention::Profile(&work), "work"),
        (Intention::Profile(&gate), "gateway"),
        (Intention::Profile(&mine), "plan"),
    ] {
        assert!(met(intention, expected), "{expected}");
    }
    for (intention, expected) in [
        (Intention::Native, "metered"),
        (Intention::Native, "work"),
        (Intention::Profile(&work), "plan"),
        (Intention::Profile(&work), "gate"),
        (Intention::Profile(&gate), "metered"),
    ] {
        assert!(!met(intention, expected), "{expected}");
    }
}

#[test]
fn a_program_behind_the_gateway_has_a_virtual_key_and_nothing_else() {
    let gateway = BaseUrl::parse("http://127.0.0.1:8484", PlainHttp::LoopbackOnly).unwrap();
    let gateway = &gateway;
    let mut machine = Machine::with_variables(&[("ANTHROPIC_API_KEY", "stray")]);
    machine.login = None;
    let mut work = key();
    work.handing = Handing::Leased;
    for (target, profile) in [(claude("-p hi"), &work), (python(), &sdk_profile())] {
        let behind = Intention::Behind { gateway, profile };
        let (plan, judged) = machine.started(behind, &target).unwrap();
        let set: Vec<_> = plan.set.iter().map(|it| it.name).collect();
        let managed = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";
        assert_eq!(set, ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", managed]);
        assert_eq!(plan.set[1].text, Some(gateway.to_string()));
        assert_eq!(plan.remove, ["ANTHROPIC_API_KEY"]);
        assert!(judged.line.contains("a virtual key"), "{}", judged.line);
    }
    let profile = &setup_token();
    let refused = machine.started(Intention::Behind { gateway, profile }, &claude("-p"));
    assert!(matches!(refused, Err(Refusal::PlanBehindKey { .. })));
}

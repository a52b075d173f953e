//! Plans of how a program is started: whatever a machine holds, what is meant is all that is sent, or nothing is started.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::claude_code::{
    Arguments, Login, LoginState, Scope, Settings, SettingsFile, SettingsState,
};
use keyreeve_core::launch::{
    Intention, Judged, Plan, Refusal, Target, inspect_project, judge, plan,
};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::resolve::{Client, Expected};
use keyreeve_core::rivals::is_rival;
use keyreeve_core::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_core::snapshot::{Environment, Own, Snapshot};
use keyreeve_core::token::Family;
use proptest::prelude::*;
use uuid::Uuid;

/// What a machine holds beside what is meant.
#[derive(Default)]
struct Machine {
    variables: Vec<(String, String)>,
    files: Vec<(Scope, &'static str)>,
    login: Option<&'static str>,
    own: Vec<Profile>,
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
        Snapshot {
            home: Some("/home/me".to_owned()),
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

/// A variable with junk of the kind that would win.
fn junk(name: &str) -> String {
    match name {
        "ANTHROPIC_BASE_URL" => "https://evil.example".to_owned(),
        "ANTHROPIC_CUSTOM_HEADERS" => "Authorization: Bearer x".to_owned(),
        _ => "1".to_owned(),
    }
}

const EVERY_RIVAL: [&str; 18] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_FEDERATION_RULE_ID",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
    "CLAUDE_CODE_SIMPLE",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn su_02_whatever_the_environment_holds_what_is_meant_pays(
        names in prop::sample::subsequence(EVERY_RIVAL.to_vec(), 0..=EVERY_RIVAL.len())
    ) {
        let pairs: Vec<_> = names.iter().map(|name| (*name, junk(name))).collect();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let machine = Machine::with_variables(&pairs);
        for profile in every_profile() {
            let started = machine.started(Intention::Profile(&profile), &claude("-p hi"));
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
        let native = machine.started(Intention::Native, &claude("-p hi"));
        prop_assert!(native.is_ok(), "{:?}", native.err());
        for profile in [key(), gateway(), sdk_profile()] {
            let started = machine.started(Intention::Profile(&profile), &python());
            prop_assert!(started.is_ok(), "{}: {:?}", profile.name, started.err());
        }
    }
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
fn su_02_a_rival_in_a_file_is_passed_over_for_keys_and_refused_for_logins() {
    for (text, named) in [
        (
            r#"{"env": {"ANTHROPIC_API_KEY": "x"}}"#,
            "env.ANTHROPIC_API_KEY in /user.json:1",
        ),
        (
            "{\n\"env\": {\"ANTHROPIC_AUTH_TOKEN\": \"x\"}}",
            "env.ANTHROPIC_AUTH_TOKEN in /user.json:2",
        ),
        (
            r#"{"env": {"ANTHROPIC_BASE_URL": "https://evil.example"}}"#,
            "env.ANTHROPIC_BASE_URL in /user.json:1",
        ),
        (
            r#"{"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}}"#,
            "env.CLAUDE_CODE_USE_BEDROCK in /user.json:1",
        ),
        (
            "{\"apiKeyHelper\":\n\"~/key\"}",
            "apiKeyHelper in /user.json:2",
        ),
    ] {
        let machine = Machine::with_file(Scope::User, text);
        for profile in [key(), gateway()] {
            let started = machine.started(Intention::Profile(&profile), &claude("-p hi"));
            assert!(
                started.is_ok(),
                "{}: {text}: {:?}",
                profile.name,
                started.err()
            );
        }
        let (login, token, sdk) = (claude_login(None), setup_token(), sdk_profile());
        for intention in [
            Intention::Native,
            Intention::Profile(&login),
            Intention::Profile(&token),
            Intention::Profile(&sdk),
        ] {
            let refused = machine.started(intention, &claude("-p hi")).unwrap_err();
            assert!(refused.to_string().starts_with(named), "{text}: {refused}");
        }
    }
}

#[test]
fn su_02_a_header_in_a_file_is_refused_where_a_release_would_send_it() {
    let text = r#"{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-api-key: x"}}"#;
    let machine = Machine::with_file(Scope::User, text);
    let work = key();
    let of = |told: &str| {
        let target = Target::of("/bin/claude", told.parse::<Client>().ok(), arguments("-p"));
        machine.started(Intention::Profile(&work), &target)
    };
    assert!(of("claude-code@2.1.329").is_ok());
    for told in ["claude-code@2.1.197", ""] {
        let refused = of(told).unwrap_err().to_string();
        assert!(
            refused.starts_with("env.ANTHROPIC_CUSTOM_HEADERS in /user.json:1"),
            "{told}: {refused}"
        );
    }
}

#[test]
fn a_helper_is_switched_off_where_a_release_would_run_it() {
    let machine = Machine::with_file(Scope::User, r#"{"apiKeyHelper": "~/key"}"#);
    let work = key();
    let of = |told: &str, line: &str| {
        let target = Target::of("/bin/claude", told.parse::<Client>().ok(), arguments(line));
        machine
            .started(Intention::Profile(&work), &target)
            .map(|(_, judged)| judged.settings)
    };
    let off = Some(r#"{"apiKeyHelper":""}"#.to_owned());
    assert_eq!(of("claude-code@2.1.329", "-p hi").unwrap(), None);
    assert_eq!(of("claude-code@2.1.197", "-p hi").unwrap(), off);
    assert_eq!(of("", "-p hi").unwrap(), off, "it has to hold for both");
    assert_eq!(
        of("", r#"-p --settings {"model":"x"}"#).unwrap().as_deref(),
        Some(r#"{"apiKeyHelper":"","model":"x"}"#)
    );
    assert!(matches!(
        of("", "-p --settings mine.json"),
        Err(Refusal::SettingsInFile { .. })
    ));
    let managed = Machine::with_file(Scope::Managed, r#"{"apiKeyHelper": "~/key"}"#);
    let refused = managed
        .started(Intention::Profile(&work), &claude("-p"))
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("apiKeyHelper in /managed.json:1"),
        "{refused}"
    );
}

#[test]
fn su_01_a_plan_login_goes_to_the_genuine_program_alone() {
    let machine = Machine::with_variables(&[]);
    let (token, login) = (setup_token(), claude_login(None));
    let elsewhere = profile("mine", "https://gateway.example", Source::Sealed);
    let elsewhere = Profile {
        provenance: Provenance::SetupToken,
        ..elsewhere
    };
    let said = Client::CLAUDE_CODE;
    let npx = Target::of("/usr/bin/npx", Some(said), arguments("claude -p"));
    for (profile, target) in [
        (&token, &python()),
        (&token, &npx),
        (&login, &python()),
        (&elsewhere, &claude("-p hi")),
    ] {
        let refused = machine
            .started(Intention::Profile(profile), target)
            .unwrap_err();
        assert!(refused.to_string().contains("plan login"), "{refused}");
    }
    assert!(machine.started(Intention::Profile(&login), &npx).is_ok());
    assert!(machine.started(Intention::Native, &python()).is_err());
}

#[test]
fn what_cannot_be_used_is_said_before_the_start() {
    let (token, sdk) = (setup_token(), sdk_profile());
    let signed_in = Machine::with_variables(&[]);
    let signed_out = Machine::default();
    let dead = Machine {
        login: Some(
            r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1, "scopes": ["user:inference"]}}"#,
        ),
        ..Machine::default()
    };
    let bare = Machine::with_file(Scope::User, r#"{"env": {"CLAUDE_CODE_SIMPLE": "1"}}"#);
    let no_such = Profile {
        source: Source::SdkProfile {
            directory: None,
            name: "other".parse().unwrap(),
        },
        ..sdk_profile()
    };
    let (native, token, sdk, no_such) = (
        Intention::Native,
        Intention::Profile(&token),
        Intention::Profile(&sdk),
        Intention::Profile(&no_such),
    );
    let is_over = "cannot be used: its time is over and nothing renews it";
    let when_bare = "is not looked at when Claude Code is bare";
    let made_bare = "env.CLAUDE_CODE_SIMPLE in /user.json:1 would keep";
    let absent = "cannot be used: there is no such profile";
    for (machine, intention, line, said) in [
        (&signed_out, native, "-p", "Claude Code has no login here"),
        (&dead, native, "-p", is_over),
        (&signed_in, native, "--bare -p", when_bare),
        (&signed_in, token, "--bare", when_bare),
        (&bare, native, "-p", made_bare),
        (&bare, sdk, "-p", made_bare),
        (&signed_in, no_such, "-p", absent),
    ] {
        let refused = machine.started(intention, &claude(line)).unwrap_err();
        assert!(refused.to_string().contains(said), "{line}: {refused}");
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

#[test]
fn nf_01_an_sdk_profile_that_leads_elsewhere_than_its_profile_is_bound_to_starts_nothing() {
    let at_gateway = r#"{"base_url": "https://gateway.example/a", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_vendor = r#"{"base_url": "https://api.anthropic.com/", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let at_nothing =
        r#"{"base_url": "nowhere", "authentication": {"type": "user_oauth", "client_id": "c"}}"#;
    let bound = |profile: Profile| {
        let at = |url| Profile {
            base_url: BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap(),
            ..profile.clone()
        };
        (at(VENDOR), at("https://gateway.example/a"))
    };
    for profile in [sdk_profile(), ant()] {
        let (to_vendor, to_gateway) = bound(profile);
        for (config, profile, starts) in [
            (SDK_CONFIG, &to_vendor, true),
            (at_vendor, &to_vendor, true),
            (at_gateway, &to_vendor, false),
            (at_nothing, &to_vendor, false),
            (SDK_CONFIG, &to_gateway, false),
            (at_vendor, &to_gateway, false),
            (at_gateway, &to_gateway, true),
        ] {
            let machine = Machine {
                sdk_config: Some(config),
                ..Machine::with_variables(&[])
            };
            for target in [claude("-p"), python()] {
                let started = machine.started(Intention::Profile(profile), &target);
                let refused = matches!(started, Err(Refusal::LeadsElsewhere { .. }));
                assert_eq!((started.is_ok(), refused), (starts, !starts), "{config}");
            }
        }
    }
}

#[test]
fn only_what_was_marked_for_it_is_handed_over() {
    let machine = Machine::with_variables(&[]);
    for profile in [key(), gateway(), sdk_profile(), ant()] {
        let leased = Profile {
            handing: Handing::Leased,
            ..profile
        };
        let refused = machine.started(Intention::Profile(&leased), &claude("-p"));
        assert!(
            matches!(refused, Err(Refusal::Leased { .. })),
            "{}",
            leased.name
        );
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
fn la_10_what_a_project_decides_is_found_with_its_line() {
    let offences = |scope, text, intention| {
        let machine = Machine::with_file(scope, text);
        let target = claude("-p hi");
        let snapshot = machine.snapshot(Environment::default());
        let plan = plan(&snapshot, intention, &target).unwrap();
        let found = inspect_project(&snapshot, &plan, &target);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let work = key();
    let every = "{\n\"env\": {\"ANTHROPIC_BASE_URL\": \"https://evil.example\",\n\"https_proxy\": \"http://evil\",\n\
                 \"ANTHROPIC_MODEL\": \"x\", \"ANTHROPIC_API_KEY\": \"\"},\n\"apiKeyHelper\": \"./steal\",\n\"hooks\": {}\n}";
    assert_eq!(
        offences(Scope::Project, every, Intention::Profile(&work)),
        [
            "/project.json:2 sets env.ANTHROPIC_BASE_URL",
            "/project.json:3 sets env.https_proxy",
            "/project.json:5 sets apiKeyHelper",
            "/project.json:6 sets hooks",
        ]
    );
    // A hook sees no more of a login than any program does.
    assert_eq!(offences(Scope::Local, every, Intention::Native).len(), 3);
    assert_eq!(
        offences(Scope::Local, "{", Intention::Native),
        ["/local.json:1 cannot be read, so that what it sets is not known"]
    );
    assert_eq!(offences(Scope::User, every, Intention::Native), [""; 0]);
}

#[test]
fn other_credentials_do_not_come_along() {
    let other = ["sk-", "ant-", "api03-", &"A".repeat(93), "AA"].concat();
    let machine = Machine {
        own: every_profile(),
        ..Machine::with_variables(&[("SOME_KEY", &other), ("MY_KEY", "opaque"), ("LANG", "C")])
    };
    let work = key();
    let (plan, _) = machine
        .started(Intention::Profile(&work), &python())
        .unwrap();
    assert_eq!(plan.remove, ["MY_KEY", "SOME_KEY"]);
    assert_eq!(plan.warnings.len(), 2);
    assert!(!format!("{plan:?}").contains(&other));
    let planned = plan.environment(&machine.environment());
    assert_eq!(planned.names().filter(|name| is_rival(name)).count(), 2);
    assert!(Arc::new(planned).is_set("LANG"));
}

//! Files and variables of Claude Code's login, of SDK profiles and of workload identity federation
//! (docs/facts.md#sdk-chain).

use serde_json::{Value, json};

use super::case_setup::{CaseSetup, READABLE};
use super::ingredient::{FederationSetup, LoginFile, SdkProfileSetup};
use super::token::{Family, access_token, fake_token, identity_token, refresh_token};

const ORGANIZATION: &str = "00000000-1111-4222-8333-444444444444";
/// A time in the year 2100, in seconds.
const FUTURE: u64 = 4_102_444_800;
/// A time in the year 2023, in seconds.
const PAST: u64 = 1_700_000_000;
const CONFIG: &str = "home/.config/anthropic";

/// Adds the login file.
pub(super) fn add_login(setup: &mut CaseSetup, login: LoginFile) {
    let access = fake_token(Family::Oauth, "login");
    let login_json = |expires: u64, refresh_token: Value, scopes: Value| {
        json!({ "claudeAiOauth": {
            "accessToken": access,
            "refreshToken": refresh_token,
            "expiresAt": expires * 1000,
            "scopes": scopes,
            "subscriptionType": "max",
            "rateLimitTier": "default_claude_max_5x",
        }})
    };
    let scopes = || json!(["user:inference", "user:profile"]);
    let refresh = || Value::from(refresh_token("login"));
    let text = match login {
        LoginFile::Present | LoginFile::InConfigDir => {
            login_json(FUTURE, refresh(), scopes()).to_string()
        }
        LoginFile::Expired => login_json(PAST, refresh(), scopes()).to_string(),
        LoginFile::ExpiredNoRefresh => login_json(PAST, Value::Null, scopes()).to_string(),
        LoginFile::NoInference => {
            login_json(FUTURE, refresh(), json!(["user:profile"])).to_string()
        }
        LoginFile::Damaged => "{\"claudeAiOauth\":{\"accessTok".to_owned(),
        LoginFile::EmptyObject => "{}".to_owned(),
    };
    let file = match login {
        LoginFile::InConfigDir => "home/elsewhere/.credentials.json",
        _ => "home/.claude/.credentials.json",
    };
    setup.add_file(file, text);
    if !matches!(login, LoginFile::Damaged | LoginFile::EmptyObject) {
        let renewed = login == LoginFile::Expired && setup.no_base_url;
        let sent = if renewed {
            access_token("login")
        } else {
            access
        };
        setup.plant("login", "login", sent);
    }
}

/// Adds an SDK profile.
pub(super) fn add_profile(setup: &mut CaseSetup, profile: SdkProfileSetup) {
    let name = match profile {
        SdkProfileSetup::Named
        | SdkProfileSetup::NamedFederation
        | SdkProfileSetup::NamedExpired
        | SdkProfileSetup::NamedReadable
        | SdkProfileSetup::NamedBaseUrl => "work",
        SdkProfileSetup::NamedAbsent => return setup.set_variable("ANTHROPIC_PROFILE", "missing"),
        SdkProfileSetup::NamedEmpty => return setup.set_variable("ANTHROPIC_PROFILE", ""),
        SdkProfileSetup::Active | SdkProfileSetup::Unnamed | SdkProfileSetup::ActiveFederation => {
            "default"
        }
    };
    if name == "work" {
        setup.set_variable("ANTHROPIC_PROFILE", name);
    } else if profile != SdkProfileSetup::Unnamed {
        setup.add_file(&format!("{CONFIG}/active_config"), format!("{name}\n"));
    }
    if matches!(
        profile,
        SdkProfileSetup::NamedFederation | SdkProfileSetup::ActiveFederation
    ) {
        return add_federation_profile(setup, name);
    }
    let mut config = json!({
        "version": "1.0",
        "authentication": { "type": "user_oauth" },
        "organization_id": ORGANIZATION,
        "workspace_id": "wrkspc_01MADEUP",
    });
    let access = fake_token(Family::Oauth, &format!("profile-{name}"));
    let mut credentials = json!({
        "version": "1.0", "type": "oauth_token", "access_token": access, "expires_at": FUTURE,
    });
    let mut sent = access;
    match profile {
        SdkProfileSetup::NamedExpired => {
            config["authentication"]["client_id"] = "made-up-client".into();
            credentials["refresh_token"] = refresh_token("profile").into();
            credentials["expires_at"] = PAST.into();
            sent = access_token("profile");
        }
        SdkProfileSetup::NamedBaseUrl => {
            let other = setup.url("{other}");
            config["base_url"] = other.into();
            setup.environment.remove("ANTHROPIC_BASE_URL");
        }
        _ => {}
    }
    let readable = if profile == SdkProfileSetup::NamedReadable {
        READABLE
    } else {
        ""
    };
    setup.add_file(&format!("{CONFIG}/configs/{name}.json"), config.to_string());
    let file = format!("{CONFIG}/credentials/{name}.json{readable}");
    setup.add_file(&file, credentials.to_string());
    setup.plant("sdk_profile", "sdk_profile", sent);
}

fn add_federation_profile(setup: &mut CaseSetup, name: &str) {
    let path = setup.home().join("identity-of-profile");
    let config = json!({
        "version": "1.0",
        "authentication": {
            "type": "oidc_federation",
            "federation_rule_id": "fdrl_01MADEUP",
            "service_account_id": "svac_01MADEUP",
            "identity_token": { "source": "file", "path": path.display().to_string() },
        },
        "organization_id": ORGANIZATION,
        "workspace_id": "wrkspc_01MADEUP",
    });
    setup.add_file("home/identity-of-profile", identity_token("profile"));
    setup.add_file(&format!("{CONFIG}/configs/{name}.json"), config.to_string());
    setup.plant("sdk_profile", "sdk_profile", access_token("profile"));
}

/// Sets the variables of workload identity federation.
pub(super) fn add_federation(setup: &mut CaseSetup, federation: FederationSetup) {
    setup.set_variable("ANTHROPIC_FEDERATION_RULE_ID", "fdrl_01MADEUP");
    if federation != FederationSetup::WithoutOrganization {
        setup.set_variable("ANTHROPIC_ORGANIZATION_ID", ORGANIZATION);
    }
    if federation != FederationSetup::WithoutServiceAccount {
        setup.set_variable("ANTHROPIC_SERVICE_ACCOUNT_ID", "svac_01MADEUP");
    }
    if federation == FederationSetup::FromFile {
        setup.add_file("home/identity", identity_token("federation"));
        setup.set_variable("ANTHROPIC_IDENTITY_TOKEN_FILE", "{home}/identity");
    } else {
        setup.set_variable("ANTHROPIC_IDENTITY_TOKEN", &identity_token("federation"));
    }
    setup.plant("federation", "federation", access_token("federation"));
}

//! The files and variables of Claude Code's login, of the SDKs' profiles and of a federation (docs/facts.md#sdk-chain).

use serde_json::{Value, json};

use super::ingredient::{Federation, Login, Profile};
use super::scene::Scene;
use super::token::{Family, identity, made_up, minted_for, refresh};

const ORGANIZATION: &str = "00000000-1111-4222-8333-444444444444";
/// In seconds: the year 2100, and one that is over.
const LATER: u64 = 4_102_444_800;
const OVER: u64 = 1_700_000_000;
const CONFIG: &str = "home/.config/anthropic";

/// Plans the login file.
pub(super) fn login(scene: &mut Scene, login: Login) {
    let access = made_up(Family::Oauth, "login");
    let whole = |expires: u64, refresh_token: Value, scopes: Value| {
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
    let again = || Value::from(refresh("login"));
    let text = match login {
        Login::Present | Login::InConfigDir => whole(LATER, again(), scopes()).to_string(),
        Login::Expired => whole(OVER, again(), scopes()).to_string(),
        Login::ExpiredForGood => whole(OVER, Value::Null, scopes()).to_string(),
        Login::NoInference => whole(LATER, again(), json!(["user:profile"])).to_string(),
        Login::Damaged => "{\"claudeAiOauth\":{\"accessTok".to_owned(),
        Login::Hollow => "{}".to_owned(),
    };
    let file = match login {
        Login::InConfigDir => "home/elsewhere/.credentials.json",
        _ => "home/.claude/.credentials.json",
    };
    scene.file(file, text);
    if !matches!(login, Login::Damaged | Login::Hollow) {
        let renewed = login == Login::Expired && scene.vendor_answers;
        let sent = if renewed { minted_for("login") } else { access };
        scene.plant("login", "login", sent);
    }
}

/// Plans a profile.
pub(super) fn profile(scene: &mut Scene, profile: Profile) {
    let name = match profile {
        Profile::Named
        | Profile::NamedFederation
        | Profile::NamedExpired
        | Profile::NamedReadable
        | Profile::NamedElsewhere => "work",
        Profile::NamedAbsent => return scene.variable("ANTHROPIC_PROFILE", "nothere"),
        Profile::NamedEmpty => return scene.variable("ANTHROPIC_PROFILE", ""),
        Profile::Active | Profile::Unnamed | Profile::ActiveFederation => "default",
    };
    if name == "work" {
        scene.variable("ANTHROPIC_PROFILE", name);
    } else if profile != Profile::Unnamed {
        scene.file(&format!("{CONFIG}/active_config"), format!("{name}\n"));
    }
    if matches!(
        profile,
        Profile::NamedFederation | Profile::ActiveFederation
    ) {
        return federation_profile(scene, name);
    }
    let mut config = json!({
        "version": "1.0",
        "authentication": { "type": "user_oauth" },
        "organization_id": ORGANIZATION,
        "workspace_id": "wrkspc_01MADEUP",
    });
    let access = made_up(Family::Oauth, &format!("profile-{name}"));
    let mut credentials = json!({
        "version": "1.0", "type": "oauth_token", "access_token": access, "expires_at": LATER,
    });
    let mut sent = access;
    match profile {
        Profile::NamedExpired => {
            config["authentication"]["client_id"] = "made-up-client".into();
            credentials["refresh_token"] = refresh("profile").into();
            credentials["expires_at"] = OVER.into();
            sent = minted_for("profile");
        }
        Profile::NamedElsewhere => {
            let other = scene.url("{other}");
            config["base_url"] = other.into();
            scene.environment.remove("ANTHROPIC_BASE_URL");
        }
        _ => {}
    }
    let readable = if profile == Profile::NamedReadable {
        READABLE
    } else {
        ""
    };
    scene.file(&format!("{CONFIG}/configs/{name}.json"), config.to_string());
    let file = format!("{CONFIG}/credentials/{name}.json{readable}");
    scene.file(&file, credentials.to_string());
    scene.plant("sdk_profile", "sdk_profile", sent);
}

/// Marks a planned file that others may read; it is taken off the name.
pub(super) const READABLE: &str = "#readable";

fn federation_profile(scene: &mut Scene, name: &str) {
    let path = scene.home().join("identity-of-profile");
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
    scene.file("home/identity-of-profile", identity("profile"));
    scene.file(&format!("{CONFIG}/configs/{name}.json"), config.to_string());
    scene.plant("sdk_profile", "sdk_profile", minted_for("profile"));
}

/// Sets a federation's variables.
pub(super) fn federation(scene: &mut Scene, federation: Federation) {
    scene.variable("ANTHROPIC_FEDERATION_RULE_ID", "fdrl_01MADEUP");
    if federation != Federation::WithoutOrganization {
        scene.variable("ANTHROPIC_ORGANIZATION_ID", ORGANIZATION);
    }
    if federation != Federation::WithoutServiceAccount {
        scene.variable("ANTHROPIC_SERVICE_ACCOUNT_ID", "svac_01MADEUP");
    }
    if federation == Federation::FromFile {
        scene.file("home/identity", identity("federation"));
        scene.variable("ANTHROPIC_IDENTITY_TOKEN_FILE", "{home}/identity");
    } else {
        scene.variable("ANTHROPIC_IDENTITY_TOKEN", &identity("federation"));
    }
    scene.plant("federation", "federation", minted_for("federation"));
}

/// The mode of a planned file.
pub(super) fn mode(path: &str) -> u32 {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "sh" => 0o700,
        "json#readable" => 0o644,
        _ => 0o600,
    }
}

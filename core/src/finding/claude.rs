//! What is wrong with Claude Code's settings, helpers and login (docs/facts.md#claude-code).

use url::Url;

use crate::claude_code::{
    EnvSetting, LoginState, Mode, Renewal, Scope, SettingsFile, SettingsState,
};
use crate::launch;
use crate::resolve::{Client, Header, Method, Resolution};
use crate::rivals;
use crate::snapshot::Snapshot;
use crate::token::looks_like_a_key;

use super::assignment::CREDENTIALS;
use super::evidence::{Evidence, HelperOutcome, HelperRun, prints_a_literal};
use super::urls::is_loopback;
use super::{Code, Finding, Mend, Spot, shown};

/// A helper that takes longer is one that people notice.
const SLOW_MILLIS: u64 = 2_000;

pub(super) fn findings(
    snapshot: &Snapshot,
    evidence: &Evidence,
    resolutions: &[Resolution],
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &snapshot.settings {
        found.extend(of_settings(snapshot, file));
    }
    found.extend(login(snapshot));
    found.extend(
        evidence
            .fixed_helpers
            .iter()
            .map(|(path, line)| fixed_helper(path, *line, "the script behind apiKeyHelper")),
    );
    found.extend(evidence.helper_runs.iter().filter_map(ran));
    found.extend(bare(snapshot, resolutions));
    found.extend(ignored(snapshot));
    found.extend(inference_only(snapshot));
    found.extend(resolutions.iter().filter_map(plan_elsewhere));
    found
}

fn of_settings(snapshot: &Snapshot, file: &SettingsFile) -> Vec<Finding> {
    let path = &file.path;
    let settings = match &file.state {
        SettingsState::Read(settings) => settings,
        SettingsState::Damaged(damage) => {
            return vec![Finding::new(
                Code::SettingsDamaged,
                Spot::line(path, damage.line),
                "Claude Code passes this whole file over: it is no JSON object from this line on",
                Mend::words(format!("correct {}", shown(path))),
            )];
        }
        SettingsState::Unreadable => {
            return vec![Finding::new(
                Code::SettingsDamaged,
                Spot::file(path),
                "this settings file cannot be read",
                Mend::words(format!("make {} readable, or remove it", shown(path))),
            )];
        }
    };
    let of_project = match file.scope {
        Scope::Project | Scope::Local => true,
        Scope::Managed | Scope::Flag | Scope::User => false,
    };
    let mut found = Vec::new();
    for setting in &settings.env {
        found.extend(if of_project {
            decides(path, setting)
        } else {
            overrides(snapshot, path, setting)
        });
    }
    if let Some(helper) = &settings.helper {
        let command = helper.command.judge().trim();
        if of_project && !command.is_empty() {
            found.push(of_a_project(
                path,
                helper.line,
                "apiKeyHelper, a command that is run",
            ));
        }
        if prints_a_literal(command) || looks_like_a_key(command) {
            found.push(fixed_helper(path, helper.line, "apiKeyHelper"));
        }
    }
    for other in &settings.others {
        if of_project && launch::fetches(other.key) {
            found.push(of_a_project(path, other.line, other.key));
        }
    }
    found
}

fn decides(path: &str, setting: &EnvSetting) -> Option<Finding> {
    let name = setting.name.as_str();
    (rivals::is_no_projects(name) && !setting.value.judge().trim().is_empty())
        .then(|| of_a_project(path, setting.line, &format!("env.{name}")))
}

fn of_a_project(path: &str, line: usize, key: &str) -> Finding {
    Finding::new(
        Code::ProjectSettings,
        Spot::line(path, line),
        format!("this project sets {key}: `claude -p` follows it without asking"),
        Mend::words(format!(
            "take it out of {}, or start with `claude --setting-sources user`",
            shown(path)
        )),
    )
}

fn overrides(snapshot: &Snapshot, path: &str, setting: &EnvSetting) -> Option<Finding> {
    let deciding = CREDENTIALS.iter().chain(&["ANTHROPIC_BASE_URL"]);
    let name = deciding.into_iter().find(|name| **name == setting.name)?;
    let here = snapshot.environment.get(name)?;
    (here.trim() != setting.value.judge().trim()).then(|| {
        Finding::new(
            Code::SettingsBeatEnvironment,
            Spot::line(path, setting.line),
            format!("{name} is set here and in the environment: for Claude Code this file wins"),
            Mend::words(format!(
                "remove env.{name} from {}, or unset {name}",
                shown(path)
            )),
        )
    })
}

fn fixed_helper(path: &str, line: usize, what: &str) -> Finding {
    Finding::new(
        Code::StaticHelper,
        Spot::line(path, line),
        format!(
            "{what} prints a fixed text: a key in a file, with a process each time it is asked for"
        ),
        Mend::words(
            "keep the key with `keyreeve profile add NAME`, and let the helper print a virtual key",
        ),
    )
}

fn ran(run: &HelperRun) -> Option<Finding> {
    let spot = || Spot::line(&run.path, run.line);
    let fails = |how: &str| {
        Some(Finding::new(
            Code::HelperFails,
            spot(),
            format!(
                "apiKeyHelper {how}: Claude Code then sends an empty credential, and looks no further"
            ),
            Mend::words("run the helper by hand and make it print one token on one line"),
        ))
    };
    match run.outcome {
        HelperOutcome::Failed => fails("failed"),
        HelperOutcome::Nothing => fails("printed nothing"),
        HelperOutcome::Lines => fails("printed several lines"),
        HelperOutcome::Unprintable => fails("printed what no header can hold"),
        HelperOutcome::Endless => fails("did not end"),
        HelperOutcome::Fine if run.millis >= SLOW_MILLIS => Some(Finding::new(
            Code::HelperSlow,
            spot(),
            format!(
                "apiKeyHelper took {}.{} s, and is asked again every five minutes",
                run.millis / 1000,
                run.millis % 1000 / 100
            ),
            Mend::words("let it keep what it fetched, or raise CLAUDE_CODE_API_KEY_HELPER_TTL_MS"),
        )),
        HelperOutcome::Fine => None,
    }
}

fn login(snapshot: &Snapshot) -> Option<Finding> {
    let login = snapshot.login.as_ref()?;
    let spot = Spot::file(&login.path);
    let sign_in = Mend::Run("claude auth login".to_owned());
    match &login.state {
        LoginState::Damaged(damage) => Some(Finding::new(
            Code::LoginDamaged,
            spot,
            format!("Claude Code cannot use its login file: {damage}"),
            sign_in,
        )),
        LoginState::Unreadable => Some(Finding::new(
            Code::LoginDamaged,
            spot,
            "Claude Code's login file is there and cannot be read",
            Mend::words(format!(
                "make {} your own, with mode 600",
                shown(&login.path)
            )),
        )),
        LoginState::Present {
            expires_at: Some(end),
            renewal: Renewal::ByThePerson,
            ..
        } if *end <= snapshot.now => Some(Finding::new(
            Code::LoginEnded,
            spot,
            format!("Claude Code's login ended at {end:.0}, and there is nothing to renew it with"),
            sign_in,
        )),
        LoginState::Present { .. } | LoginState::SignedOut => None,
    }
}

fn is_on(snapshot: &Snapshot, name: &str) -> bool {
    let value = snapshot.environment.get(name).unwrap_or_default().trim();
    !["", "0", "false", "no", "off"].contains(&value.to_ascii_lowercase().as_str())
}

fn bare(snapshot: &Snapshot, resolutions: &[Resolution]) -> Option<Finding> {
    let by_variable = is_on(snapshot, "CLAUDE_CODE_SIMPLE");
    let started_bare = resolutions
        .iter()
        .any(|resolution| match resolution.client {
            Client::ClaudeCode { mode, .. } => mode == Mode::Bare,
            Client::SdkPython(_) | Client::SdkTypescript(_) | Client::Keyreeve => false,
        });
    let filled = |name| is_on(snapshot, name);
    let unseen = if filled("CLAUDE_CODE_OAUTH_TOKEN") {
        "CLAUDE_CODE_OAUTH_TOKEN"
    } else {
        match snapshot.login.as_ref()?.state {
            LoginState::Present { .. } => "its login",
            LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => return None,
        }
    };
    if !by_variable && !started_bare
        || filled("ANTHROPIC_API_KEY")
        || filled("ANTHROPIC_AUTH_TOKEN")
    {
        return None;
    }
    let (spot, mend) = if by_variable {
        (
            Spot::variable("CLAUDE_CODE_SIMPLE"),
            Mend::unset("CLAUDE_CODE_SIMPLE"),
        )
    } else {
        (
            Spot::Machine,
            Mend::words("start Claude Code without --bare"),
        )
    };
    Some(Finding::new(
        Code::BareWithLogin,
        spot,
        format!(
            "started bare, Claude Code does not look at {unseen}, and says that nobody is logged in"
        ),
        mend,
    ))
}

fn ignored(snapshot: &Snapshot) -> Option<Finding> {
    let name = CREDENTIALS.iter().find(|name| is_on(snapshot, name))?;
    let environment = &snapshot.environment;
    let session = if environment.get("TERM_PROGRAM") == Some("vscode")
        || environment.is_set("VSCODE_IPC_HOOK_CLI")
    {
        "the editor's own extensions"
    } else if environment.is_set("SSH_CONNECTION") {
        "programs started on the desktop, and other sessions,"
    } else {
        return None;
    };
    Some(Finding::new(
        Code::VariablesIgnored,
        Spot::variable(name),
        format!(
            "{session} may not have {name}: variables reach only what this shell starts, and desktop and cloud sessions of Claude Code use their own login"
        ),
        Mend::Run("claude auth status".to_owned()),
    ))
}

fn inference_only(snapshot: &Snapshot) -> Option<Finding> {
    is_on(snapshot, "CLAUDE_CODE_OAUTH_TOKEN").then(|| {
        Finding::new(
            Code::InferenceOnly,
            Spot::variable("CLAUDE_CODE_OAUTH_TOKEN"),
            "a token of `claude setup-token` can only ask models: what needs the account, such as reading the plan's usage, is refused with it",
            Mend::Run("claude auth login".to_owned()),
        )
    })
}

/// A plan's token goes wherever the base URL leads.
fn plan_elsewhere(resolution: &Resolution) -> Option<Finding> {
    let slot = resolution.slot(Header::Authorization)?;
    if !matches!(slot.method, Method::Login | Method::OauthToken) {
        return None;
    }
    let moved = resolution.moved.as_ref()?;
    let url = Url::parse(moved.base_url.as_deref()?).ok()?;
    let host = url.host_str()?;
    (host != "api.anthropic.com" && !is_loopback(&url)).then(|| {
        Finding::new(
            Code::PlanToOtherHost,
            Spot::of(&moved.place),
            format!(
                "{} would send {} to {host}: a base URL alone does not replace a login",
                resolution.client, slot.place
            ),
            Mend::words(
                "set ANTHROPIC_AUTH_TOKEN to that gateway's own key, or take the base URL away",
            ),
        )
    })
}

//! Findings about Claude Code's settings, helpers and login (docs/facts.md#claude-code).

use keyreeve_core::token::contains_token;

use super::evidence::{Evidence, HelperOutcome, HelperRun, prints_literal};
use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::claude_code::{
    EnvSetting, LoginRenewal, LoginState, Mode, SettingsFile, SettingsState,
    runs_credential_program,
};
use crate::rules::conflicts;
use crate::rules::resolve::{ClientProgram, Resolution, Switch};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{API_KEY, AUTH_TOKEN, BASE_URL, CREDENTIALS, OAUTH_TOKEN, SIMPLE};

/// Duration from which a helper is reported as slow, in milliseconds.
const SLOW_HELPER_MILLIS: u64 = 2_000;

pub(super) fn findings(
    snapshot: &Snapshot,
    evidence: &Evidence,
    resolutions: &[Resolution],
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &snapshot.settings {
        found.extend(settings_findings(snapshot, file));
    }
    found.extend(login(snapshot));
    found.extend(
        evidence
            .literal_helpers
            .iter()
            .map(|(path, line)| literal_helper(path, *line, "the script of apiKeyHelper")),
    );
    found.extend(evidence.helper_runs.iter().filter_map(helper_run));
    found.extend(bare_mode(snapshot, resolutions));
    found.extend(variables_ignored(snapshot));
    found.extend(inference_only(snapshot));
    found
}

fn settings_findings(snapshot: &Snapshot, file: &SettingsFile) -> Vec<Finding> {
    let path = &file.path;
    let settings = match &file.state {
        SettingsState::Read(settings) => settings,
        SettingsState::Damaged(damage) => {
            return vec![Finding::new(
                FindingCode::SettingsDamaged,
                FindingLocation::line(path, damage.line),
                "Claude Code ignores this whole file because it is not a valid JSON object from this line on",
                Fix::manual(format!("correct {}", shown(path))),
            )];
        }
        SettingsState::Unreadable => {
            return vec![Finding::new(
                FindingCode::SettingsDamaged,
                FindingLocation::file(path),
                "this settings file cannot be read",
                Fix::manual(format!("make {} readable, or remove it", shown(path))),
            )];
        }
    };
    let is_project_file = file.scope.is_project();
    let mut found = Vec::new();
    for setting in &settings.env {
        found.extend(if is_project_file {
            forbidden_in_project(path, setting)
        } else {
            settings_override(snapshot, path, setting)
        });
    }
    if let Some(helper) = &settings.helper {
        let command = helper.command.inspect().trim();
        if is_project_file && !command.is_empty() {
            found.push(project_setting(
                path,
                helper.line,
                "apiKeyHelper (a program to run)",
            ));
        }
        if prints_literal(command) || contains_token(command) {
            found.push(literal_helper(path, helper.line, "apiKeyHelper"));
        }
    }
    for other in &settings.others {
        if is_project_file && runs_credential_program(other.key) {
            found.push(project_setting(path, other.line, other.key));
        }
    }
    found
}

fn forbidden_in_project(path: &str, setting: &EnvSetting) -> Option<Finding> {
    let name = setting.name.as_str();
    (conflicts::is_forbidden_in_projects(name) && !setting.value.inspect().trim().is_empty())
        .then(|| project_setting(path, setting.line, &format!("env.{name}")))
}

fn project_setting(path: &str, line: usize, key: &str) -> Finding {
    Finding::new(
        FindingCode::ProjectSettings,
        FindingLocation::line(path, line),
        format!("this project sets {key}, which `claude -p` applies without asking"),
        Fix::manual(format!(
            "remove it from {}, or start with `claude --setting-sources user`",
            shown(path)
        )),
    )
}

fn settings_override(snapshot: &Snapshot, path: &str, setting: &EnvSetting) -> Option<Finding> {
    let names = CREDENTIALS.iter().chain(&[BASE_URL]);
    let name = names.into_iter().find(|name| **name == setting.name)?;
    let current = snapshot.environment.get(name)?;
    (current.trim() != setting.value.inspect().trim()).then(|| {
        Finding::new(
            FindingCode::SettingsOverrideEnvironment,
            FindingLocation::line(path, setting.line),
            format!(
                "{name} is set here and in the environment; Claude Code uses the value in this file"
            ),
            Fix::manual(format!(
                "remove env.{name} from {}, or unset {name}",
                shown(path)
            )),
        )
    })
}

fn literal_helper(path: &str, line: usize, helper: &str) -> Finding {
    Finding::new(
        FindingCode::StaticHelper,
        FindingLocation::line(path, line),
        format!(
            "{helper} prints a fixed text: a key in a plain-text file, at the cost of a process for each call"
        ),
        Fix::manual(
            "save the key with `keyreeve profile add NAME` and let the helper print a virtual key",
        ),
    )
}

fn helper_run(run: &HelperRun) -> Option<Finding> {
    let location = || FindingLocation::line(&run.path, run.line);
    let fails = |how: &str| {
        Some(Finding::new(
            FindingCode::HelperFails,
            location(),
            format!(
                "apiKeyHelper {how}; Claude Code then sends an empty credential and tries no other"
            ),
            Fix::manual("run the helper yourself and make it print one token on one line"),
        ))
    };
    match run.outcome {
        HelperOutcome::Failed => fails("failed"),
        HelperOutcome::Empty => fails("printed nothing"),
        HelperOutcome::MultipleLines => fails("printed several lines"),
        HelperOutcome::InvalidCharacters => {
            fails("printed a character that is not allowed in a header")
        }
        HelperOutcome::TimedOut => fails("timed out"),
        HelperOutcome::Usable if run.millis >= SLOW_HELPER_MILLIS => Some(Finding::new(
            FindingCode::HelperSlow,
            location(),
            format!(
                "apiKeyHelper took {}.{} s, and runs again every 5 min",
                run.millis / 1000,
                run.millis % 1000 / 100
            ),
            Fix::manual("let it cache its result, or raise CLAUDE_CODE_API_KEY_HELPER_TTL_MS"),
        )),
        HelperOutcome::Usable => None,
    }
}

fn login(snapshot: &Snapshot) -> Option<Finding> {
    let login = snapshot.login.as_ref()?;
    let location = FindingLocation::file(&login.path);
    let sign_in = Fix::Run("claude auth login".to_owned());
    match &login.state {
        LoginState::Damaged(damage) => Some(Finding::new(
            FindingCode::LoginDamaged,
            location,
            format!("Claude Code cannot use its login file: {damage}"),
            sign_in,
        )),
        LoginState::Unreadable => Some(Finding::new(
            FindingCode::LoginDamaged,
            location,
            "Claude Code's login file cannot be read",
            Fix::manual(format!(
                "make yourself the owner of {} and set its mode to 600",
                shown(&login.path)
            )),
        )),
        LoginState::Present {
            expires_at: Some(end),
            renewal: LoginRenewal::SignInAgain,
            ..
        } if *end <= snapshot.now => Some(Finding::new(
            FindingCode::LoginExpired,
            location,
            format!("Claude Code's login expired at {end:.0} and has no refresh token"),
            sign_in,
        )),
        LoginState::Present { .. } | LoginState::SignedOut => None,
    }
}

/// Returns `true` if a variable is set and not blank.
fn is_set(snapshot: &Snapshot, name: &str) -> bool {
    let value = snapshot.environment.get(name);
    value.is_some_and(|value| !value.trim().is_empty())
}

fn bare_mode(snapshot: &Snapshot, resolutions: &[Resolution]) -> Option<Finding> {
    let by_variable = Switch::parse(snapshot.environment.get(SIMPLE)).is_on();
    let started_bare = resolutions
        .iter()
        .any(|resolution| match resolution.client {
            ClientProgram::ClaudeCode { mode, .. } => mode == Mode::Bare,
            ClientProgram::SdkPython(_)
            | ClientProgram::SdkTypescript(_)
            | ClientProgram::Keyreeve => false,
        });
    let ignored = if is_set(snapshot, OAUTH_TOKEN) {
        OAUTH_TOKEN
    } else if snapshot.has_login() {
        "its login"
    } else {
        return None;
    };
    if !by_variable && !started_bare || is_set(snapshot, API_KEY) || is_set(snapshot, AUTH_TOKEN) {
        return None;
    }
    let (location, fix) = if by_variable {
        (FindingLocation::variable(SIMPLE), Fix::unset(SIMPLE))
    } else {
        (
            FindingLocation::Machine,
            Fix::manual("start Claude Code without --bare"),
        )
    };
    Some(Finding::new(
        FindingCode::BareWithLogin,
        location,
        format!(
            "in bare mode Claude Code ignores {ignored} and reports that you are not logged in"
        ),
        fix,
    ))
}

fn variables_ignored(snapshot: &Snapshot) -> Option<Finding> {
    let name = CREDENTIALS.iter().find(|name| is_set(snapshot, name))?;
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
        FindingCode::VariablesIgnored,
        FindingLocation::variable(name),
        format!(
            "{session} may not see {name}: only programs started from this shell get its variables, and desktop and cloud sessions of Claude Code use their own login"
        ),
        Fix::Run("claude auth status".to_owned()),
    ))
}

fn inference_only(snapshot: &Snapshot) -> Option<Finding> {
    is_set(snapshot, OAUTH_TOKEN).then(|| {
        Finding::new(
            FindingCode::InferenceOnly,
            FindingLocation::variable(OAUTH_TOKEN),
            "a token of `claude setup-token` can only call models; the API refuses it for account requests, such as reading the plan's usage",
            Fix::Run("claude auth login".to_owned()),
        )
    })
}

//! Detects existing credentials without changing anything.

use std::path::PathBuf;

use keyreeve_broker::wire::ResolutionView;
use keyreeve_core::profile::Name;
use keyreeve_os::environment::Environment;
use keyreeve_os::programs;
use keyreeve_resolver::claude_code::{Arguments, Login, LoginState};
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::KeyreeveState;
use keyreeve_store::Store;

use crate::context::{self, Context};
use crate::error::CommandError;
use crate::output::{Line, abbreviate_home};

/// Variables that contain a credential, in the order of precedence (docs/facts.md#claude-code).
pub(super) const KEY_VARIABLES: [&str; 2] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"];

/// Variable that contains a plan token.
const PLAN_VARIABLE: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// The detected credentials and programs.
pub(super) struct DetectedState {
    /// A sentence about who would pay for Claude Code now.
    pub(super) headline: String,
    /// A description of Claude Code's login: its plan and its file.
    pub(super) login: Option<String>,
    /// The first variable that contains a credential.
    pub(super) variable: Option<&'static str>,
    /// `true` if a plan token is set in the environment.
    pub(super) has_plan_variable: bool,
    /// Path of the `claude` program.
    pub(super) claude: Option<PathBuf>,
    /// Names of the existing profiles.
    pub(super) profiles: Vec<Name>,
    /// `true` if a store exists.
    pub(super) has_store: bool,
}

/// Detects credentials and programs; does not create a store.
pub(super) fn detect(context: &Context) -> Result<DetectedState, CommandError> {
    let has_store = Store::exists(&context::store_paths(&context.dirs()?));
    let state = if has_store {
        let policy = context.open_store()?.policy()?;
        KeyreeveState {
            profiles: policy.to_profiles(),
            default: policy.default_profile(),
            ..KeyreeveState::default()
        }
    } else {
        KeyreeveState::default()
    };
    let profiles = state
        .profiles
        .iter()
        .map(|profile| profile.name.clone())
        .collect();
    let snapshot = context.gather(&Arguments::default(), state);
    let resolution = ResolutionView::from(&resolve(&snapshot, ClientProgram::CLAUDE_CODE));
    let environment = &context.snapshot.environment;
    Ok(DetectedState {
        headline: resolution.headline,
        login: snapshot.login.as_ref().and_then(describe_login),
        variable: KEY_VARIABLES
            .into_iter()
            .find(|name| is_set(environment, name)),
        has_plan_variable: is_set(environment, PLAN_VARIABLE),
        claude: programs::find("claude", environment.get("PATH").unwrap_or_default()),
        profiles,
        has_store,
    })
}

/// Returns the detected credentials and programs.
pub(super) fn report(detected: &DetectedState, home: Option<&str>) -> Vec<Line> {
    let DetectedState {
        headline,
        login,
        variable,
        has_plan_variable,
        claude,
        profiles,
        has_store: _,
    } = detected;
    let mut found = Vec::new();
    found.extend(login.as_ref().map(|login| format!("Claude Code {login}")));
    found.extend(variable.map(|variable| format!("{variable} is set")));
    found.extend(has_plan_variable.then(|| format!("{PLAN_VARIABLE} is set")));
    found.extend(
        claude
            .as_ref()
            .map(|claude| format!("`claude` is {}", claude.display())),
    );
    found.extend(
        profiles
            .iter()
            .map(|profile| format!("profile `{profile}`")),
    );
    let headline = abbreviate_home(headline, home);
    let mut lines = vec![Line::Note(format!("Now: {headline}"))];
    if found.is_empty() {
        lines.push(Line::Note("Found no credentials".to_owned()));
    }
    let found = found.iter().map(|item| abbreviate_home(item, home));
    lines.extend(found.map(|item| Line::Note(format!("Found: {item}"))));
    lines
}

pub(super) fn is_set(environment: &Environment, name: &str) -> bool {
    environment
        .get(name)
        .is_some_and(|value| !value.trim().is_empty())
}

/// Describes a login by its plan and its file, or returns `None` if there is none that works.
fn describe_login(login: &Login) -> Option<String> {
    match &login.state {
        LoginState::Present { subscription, .. } => {
            let plan = subscription
                .as_ref()
                .map_or_else(String::new, |plan| format!(" ({plan})"));
            Some(format!("is signed in{plan}: {}", login.path))
        }
        LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => None,
    }
}

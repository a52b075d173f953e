//! Looks what is there already that could pay, without changing anything.

use std::path::PathBuf;

use keyreeve_broker::view::ResolutionView;
use keyreeve_core::claude_code::{Arguments, Login, LoginState};
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Client, resolve};
use keyreeve_core::snapshot::{Environment, Own};
use keyreeve_os::programs;
use keyreeve_store::Store;

use crate::error::CommandError;
use crate::wiring::{self, World};

/// The variables that hold a credential, the one that is taken by itself first (docs/facts.md#claude-code).
pub(super) const KEY_VARIABLES: [&str; 2] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"];

/// A plan's token in the environment.
const PLAN_VARIABLE: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// What was seen.
pub(super) struct Seen {
    /// Who would pay now for Claude Code, in a sentence.
    pub(super) headline: String,
    /// Where Claude Code has a login, and of which plan.
    pub(super) login: Option<String>,
    /// The first variable with a credential.
    pub(super) variable: Option<&'static str>,
    /// Whether a plan's token is set.
    pub(super) plan_variable: bool,
    /// Where `claude` is.
    pub(super) claude: Option<PathBuf>,
    /// The profiles there are.
    pub(super) profiles: Vec<Name>,
    /// Whether there is a store.
    pub(super) store_is_made: bool,
}

/// Looks, and makes no store.
pub(super) fn look(world: &World) -> Result<Seen, CommandError> {
    let store_is_made = Store::is_made(&wiring::store_places(&world.places()?));
    let own = if store_is_made {
        let policy = world.store()?.policy()?;
        Own {
            profiles: policy.profiles().to_vec(),
            default: policy.default_profile(),
            bindings: Vec::new(),
        }
    } else {
        Own::default()
    };
    let profiles = own.profiles.iter().map(|own| own.name.clone()).collect();
    let snapshot = world.gather(&Arguments::default(), own);
    let resolution = ResolutionView::from(&resolve(&snapshot, Client::CLAUDE_CODE));
    let environment = &world.snapshot.environment;
    Ok(Seen {
        headline: resolution.headline,
        login: snapshot.login.as_ref().and_then(login),
        variable: KEY_VARIABLES
            .into_iter()
            .find(|name| is_set(environment, name)),
        plan_variable: is_set(environment, PLAN_VARIABLE),
        claude: programs::find("claude", environment.get("PATH").unwrap_or_default()),
        profiles,
        store_is_made,
    })
}

/// Says what was seen.
pub(super) fn tell(seen: &Seen, world: &World) {
    let Seen {
        headline,
        login,
        variable,
        plan_variable,
        claude,
        profiles,
        store_is_made: _,
    } = seen;
    let mut found = Vec::new();
    found.extend(login.as_ref().map(|login| format!("Claude Code {login}")));
    found.extend(variable.map(|variable| format!("{variable} is set")));
    found.extend(plan_variable.then(|| format!("{PLAN_VARIABLE} is set")));
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
    world.output.note(&format!("now: {headline}"));
    if found.is_empty() {
        world.output.note("found: nothing that could pay");
    }
    for one in found {
        world.output.note(&format!("found: {one}"));
    }
}

pub(super) fn is_set(environment: &Environment, name: &str) -> bool {
    environment
        .get(name)
        .is_some_and(|value| !value.trim().is_empty())
}

/// What of a login may be said: of which plan it is, and where it lies.
fn login(login: &Login) -> Option<String> {
    match &login.state {
        LoginState::Present { subscription, .. } => {
            let plan = subscription
                .as_ref()
                .map_or_else(String::new, |plan| format!(" ({plan})"));
            Some(format!("is signed in{plan}, by {}", login.path))
        }
        LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => None,
    }
}

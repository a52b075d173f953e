//! The questions, where no flag answered them: what shall pay, how to get at it, and whether tools shall have a key.

use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Name;

use super::look::Seen;
use crate::ask::{Answer, Open};
use crate::error::{CommandError, Exit};
use crate::settings::{Given, Onboard, PlanToken, Trial, Way};
use crate::wiring::World;

const INSTEAD: &str = "keyreeve onboard --help";

/// What a key is called where the person did not say.
const KEY: &str = "laptop";

/// Everything that has to be known.
pub(super) struct Answered {
    pub(super) way: Way,
    pub(super) name: Option<Name>,
    pub(super) key: Option<KeyWanted>,
    pub(super) trial: Trial,
}

/// A key that is to be made.
pub(super) enum KeyWanted {
    /// With just this name.
    Named(Name),
    /// With this name, or one like it that is free.
    Like(&'static str),
}

/// Asks what no flag said. Only one who is asked what shall pay is asked about a key.
pub(super) fn fill_in(
    onboard: Onboard,
    seen: &Seen,
    world: &World,
) -> Result<Answered, CommandError> {
    let Onboard {
        way,
        name,
        key,
        trial,
    } = onboard;
    let named = key.map(KeyWanted::Named);
    let (way, key) = if let Some(way) = way {
        (way, named)
    } else {
        let way = what_shall_pay(seen, world)?;
        let key = match (&way, named) {
            (_, Some(named)) => Some(named),
            (Way::ClaudeLogin | Way::SetupToken { .. } | Way::Profile(_), None) => None,
            (Way::ApiKey(_) | Way::Gateway { .. } | Way::Environment, None) => wants_a_key(world)?,
        };
        (way, key)
    };
    Ok(Answered {
        way,
        name,
        key,
        trial,
    })
}

fn what_shall_pay(seen: &Seen, world: &World) -> Result<Way, CommandError> {
    let mut ways = Vec::new();
    for profile in &seen.profiles {
        let what = format!("profile `{profile}`, which is there");
        ways.push((what, Choice::Profile(profile.clone())));
    }
    if let Some(variable) = seen.variable {
        let what = format!("{variable} of the environment, by reference");
        ways.push((what, Choice::Environment));
    }
    if seen.login.is_some() || seen.claude.is_some() {
        let what = "my plan: Claude Code's own login, for Claude Code alone";
        ways.push((what.to_owned(), Choice::ClaudeLogin));
    }
    for (what, choice) in [
        ("API credit: an API key that I paste", Choice::ApiKey),
        (
            "my plan: a kept `claude setup-token`, for Claude Code alone",
            Choice::SetupToken,
        ),
        (
            "another gateway: its address and its token",
            Choice::Gateway,
        ),
    ] {
        ways.push((what.to_owned(), choice));
    }
    let (words, mut choices): (Vec<_>, Vec<_>) = ways.into_iter().unzip();
    let question = Open {
        prompt: "What shall pay?",
        instead: INSTEAD,
    };
    let chosen = world.asker.choose(question, words)?;
    match choices.swap_remove(chosen) {
        Choice::Profile(name) => Ok(Way::Profile(name)),
        Choice::Environment => Ok(Way::Environment),
        Choice::ClaudeLogin => Ok(Way::ClaudeLogin),
        Choice::ApiKey => Ok(Way::ApiKey(Given::Asked)),
        Choice::SetupToken => Ok(Way::SetupToken {
            from: Given::Asked,
            plan: PlanToken::default(),
        }),
        Choice::Gateway => gateway(world),
    }
}

enum Choice {
    Profile(Name),
    Environment,
    ClaudeLogin,
    ApiKey,
    SetupToken,
    Gateway,
}

fn gateway(world: &World) -> Result<Way, CommandError> {
    let question = Open {
        prompt: "Its address (https://…):",
        instead: INSTEAD,
    };
    let url = world.asker.word(question)?;
    // Whoever types the address of this machine means it.
    let base_url = BaseUrl::parse(url.trim(), PlainHttp::LoopbackOnly).map_err(|refused| {
        CommandError::new(Exit::Usage, "this is no address of a gateway").caused_by(&refused)
    })?;
    Ok(Way::Gateway {
        api: Api::at(&base_url),
        base_url,
        from: Given::Asked,
    })
}

fn wants_a_key(world: &World) -> Result<Option<KeyWanted>, CommandError> {
    let question = Open {
        prompt: "Make a virtual key for your tools, so that they never hold the real one?",
        instead: INSTEAD,
    };
    let wants = world.asker.agree(question, Answer::Yes)? == Answer::Yes;
    Ok(wants.then_some(KeyWanted::Like(KEY)))
}

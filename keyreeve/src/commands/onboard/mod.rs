//! `onboard`: look what is there, set up what pays, try it, and say what was done.
//!
//! Invariants: at most four questions, and none where a flag answered it; nothing is changed without being said; it ends
//! with a working request or with the reason why not.

mod ask;
mod look;
mod set_up;
mod tell;

use keyreeve_broker::view::{CheckedView, OnboardView, ProfileView};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::secret::Secret;

use super::{check, key};
use crate::ask::Asker;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings::{AddKey, Onboard, Trial};
use crate::wiring::World;

/// What is known once all is set up.
struct SetUp {
    profile: Profile,
    /// A key that was made, and what it is called.
    key: Option<(Name, Secret)>,
    /// What was changed, in sentences.
    did: Vec<String>,
}

pub(super) fn run(onboard: Onboard, world: &World) -> Result<(), CommandError> {
    if onboard.way.is_none() && world.asker == Asker::Absent {
        return Err(nobody_to_ask());
    }
    let seen = look::look(world)?;
    look::tell(&seen, world);
    let answered = ask::fill_in(onboard, &seen, world)?;
    let trial = answered.trial;
    let set_up = set_up(answered, &seen, world)?;
    let (checked, failed) = match trial {
        Trial::Skip => (None, Ok(())),
        Trial::Ask => {
            world.output.note(&tell::before_the_trial(&set_up.profile));
            let (view, failed) = check::one(&set_up.profile.name, world)?;
            (Some(view), failed)
        }
    };
    // A key that was made is shown whatever the trial said: there is no second time.
    end(&set_up, checked, world)?;
    failed
}

fn nobody_to_ask() -> CommandError {
    CommandError::new(
        Exit::Usage,
        "there is no terminal to ask on: say what shall pay",
    )
    .because([
        "one of --api-key-stdin, --use claude-login, --setup-token, --gateway URL, --from-env is needed"
            .to_owned(),
    ])
    .hint("keyreeve onboard --help")
}

fn set_up(
    answered: ask::Answered,
    seen: &look::Seen,
    world: &World,
) -> Result<SetUp, CommandError> {
    let mut did = Vec::new();
    let store = world.store()?;
    if !seen.store_is_made {
        let places = world.places()?;
        let made = format!("made a store in {}", places.data.display());
        // At once: what comes next may fail, and the store stays.
        world.output.note(&made);
        did.push(made);
    }
    let (profile, added) = set_up::profile(answered.way, answered.name.as_ref(), &store, world)?;
    did.extend(added);
    set_up::make_default(&profile, &store, &mut did)?;
    let key = match answered.key {
        None => None,
        Some(wanted) => {
            let name = set_up::free_key(&wanted, &store)?;
            let add = AddKey {
                like: None,
                strategy: None,
                may_spend: Vec::new(),
                name: name.clone(),
                profiles: vec![profile.name.clone()],
                models: Vec::new(),
                cache_ttl: None,
                expires_at: None,
            };
            let secret = key::make(add, &store)?;
            did.push(format!(
                "made key `{name}`, which may use profile `{}`",
                profile.name
            ));
            Some((name, secret))
        }
    };
    Ok(SetUp { profile, key, did })
}

fn end(set_up: &SetUp, check: Option<CheckedView>, world: &World) -> Result<(), CommandError> {
    let next = tell::next(set_up);
    match world.output.format() {
        Format::Human => {
            tell::end(&set_up.did, &next, world)?;
            if let Some((name, secret)) = &set_up.key {
                world.output.data("\n")?;
                key::hand_over(name, secret, &world.store()?, world)?;
            }
            Ok(())
        }
        Format::Json => {
            let known = world.store()?.known()?;
            let view = OnboardView {
                profile: ProfileView::of(&set_up.profile, &known, world.snapshot.now),
                did: set_up.did.clone(),
                check,
                next: next.into_iter().map(|(command, _)| command).collect(),
            };
            match &set_up.key {
                Some((_, secret)) => Ok(world.output.reveal_document(&view, secret)?),
                None => Ok(world.output.document(&view)?),
            }
        }
    }
}

//! What a client is handed that asks us for a key: a short-lived virtual key where a gateway has proved itself, the credential
//! itself only where its profile is marked for that.
//!
//! Invariants: nothing is handed to a client that will go elsewhere, nor to who cannot know where to go; nobody is asked, and
//! what is ours answers within a second.

mod destination;
mod lend;
mod patience;

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_broker::DirectError;
use keyreeve_core::claude_code::Arguments;
use keyreeve_core::profile::{Handing, Name, Profile};
use keyreeve_core::secret::Secret;
use keyreeve_core::snapshot::Own;
use keyreeve_os::deadline::Deadline;
use keyreeve_store::Policy;

use self::destination::{Destination, Settings, said_by_settings};
use self::lend::Period;
pub(super) use self::patience::hand;
use self::patience::{Teller, Told};
use super::{key, profile};
use crate::error::{CommandError, Exit};
use crate::places::Places;
use crate::running::{self, Acceptance, Gateway, Running, Unproved};
use crate::settings::Whose;
use crate::variables;
use crate::wiring::World;

/// Proving a gateway and waiting for others takes no longer than this; the store comes after it.
const LIMIT: Duration = Duration::from_millis(600);
/// A gateway that many ask at once may be late: it is asked again after this time.
const AGAIN: Duration = Duration::from_millis(20);

/// What is handed out.
pub(super) struct Handed {
    pub(super) secret: Secret,
    pub(super) kind: Kind,
    /// The one place it may be sent.
    pub(super) base_url: String,
    /// When it ends, where that is known.
    pub(super) expires_at: Option<Timestamp>,
}

/// What kind of secret it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It opens the gateway alone.
    VirtualKey,
    /// It is the credential itself.
    Credential,
}

/// How whoever asked us knows where to send it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// By its own settings: what is printed is the secret alone.
    Alone,
    /// We tell it.
    Told,
}

/// Finds what to hand out.
///
/// # Errors
/// Exit 4 where there is nothing to hand out, 8 where it would go to the wrong place, 7 where the store does not answer.
fn find(
    whose: &Whose,
    asker: Asker,
    (world, teller): (&World, &Teller),
) -> Result<Handed, CommandError> {
    let environment = Destination::of(&world.snapshot.environment);
    let said = match asker {
        Asker::Alone => said_by_settings(&world.gather(&Arguments::default(), Own::default())),
        Asker::Told => Settings::Silent,
    };
    match said {
        Settings::Silent => find_for(&environment, whose, asker, (world, teller)),
        Settings::Diverted { what } => Err(CommandError::new(
            Exit::Policy,
            "nothing is handed out: settings of the client may lead it elsewhere",
        )
        .because([what])
        .hint("keyreeve doctor")),
        Settings::Set { destination, what } => {
            find_for(&destination, whose, asker, (world, teller)).map_err(|error| {
                if error.exit() == Exit::Policy {
                    error.because([what]).hint("keyreeve doctor")
                } else {
                    error
                }
            })
        }
    }
}

fn find_for(
    destination: &Destination,
    whose: &Whose,
    asker: Asker,
    (world, teller): (&World, &Teller),
) -> Result<Handed, CommandError> {
    let places = world.places()?;
    let deadline = Deadline::after(LIMIT);
    let period = Period::at(world.snapshot.now, destination);
    let whose = &named(whose, world)?;
    let (running, acceptance) = prove(&places, &period.words(whose, 0), deadline);
    match running {
        Running::Proved(gateway) if destination.leads_to_gateway(gateway.addresses()) => {
            if acceptance == Acceptance::Accepted {
                return Ok(virtual_key(period.secret(whose, 0, &gateway)?, &gateway));
            }
            if *destination == Destination::Unsaid
                && let Some(handed) = marked(whose, (asker, destination), (world, teller))?
            {
                return Ok(handed);
            }
            let lent = lend::lend((whose, period), &gateway, (&places, deadline), world)?;
            Ok(virtual_key(lent, &gateway))
        }
        Running::Proved(_) => {
            marked(whose, (asker, destination), (world, teller))?.ok_or_else(|| {
                leads_elsewhere("leads neither to the gateway nor to the profile's origin")
            })
        }
        Running::Not => direct(whose, None, (asker, destination), (world, teller)),
        Running::Unproved(why) => direct(whose, Some(why), (asker, destination), (world, teller)),
    }
}

/// The profile that `profile use` chose, else the only one.
fn default_profile(policy: &Policy) -> Result<Name, CommandError> {
    let chosen = policy.default_profile().and_then(|id| policy.profile(id));
    match (chosen, policy.profiles()) {
        (Some(profile), _) | (None, [profile]) => Ok(profile.name.clone()),
        (None, []) => Err(
            CommandError::new(Exit::Credential, "there is no profile yet")
                .hint("keyreeve profile add NAME"),
        ),
        (None, _) => Err(CommandError::new(
            Exit::Credential,
            "there are several profiles, and none is the default",
        )
        .hint("keyreeve profile use NAME")),
    }
}

/// Puts a name in place of the default, which may be another one each time.
fn named(whose: &Whose, world: &World) -> Result<Whose, CommandError> {
    match whose {
        Whose::Default => {
            let policy = world.store()?.policy()?;
            Ok(Whose::Profile(default_profile(&policy)?))
        }
        Whose::Profile(_) | Whose::Key(_) => Ok(whose.clone()),
    }
}

/// Has the gateway prove itself, more than once where it is only late.
fn prove(places: &Places, words: &str, deadline: Deadline) -> (Running, Acceptance) {
    loop {
        match running::prove_with(places, words) {
            (Running::Unproved(Unproved::Silent(_)), _) if deadline.sleep(AGAIN) => {}
            found => return found,
        }
    }
}

fn virtual_key(lent: lend::Lent, gateway: &Gateway) -> Handed {
    Handed {
        secret: lent.minted.key,
        kind: Kind::VirtualKey,
        base_url: gateway.base_url(),
        expires_at: Some(lent.expires_at),
    }
}

/// Without a gateway there is the credential itself, or nothing.
fn direct(
    whose: &Whose,
    unproved: Option<Unproved>,
    place: (Asker, &Destination),
    world: (&World, &Teller),
) -> Result<Handed, CommandError> {
    match (marked(whose, place, world)?, unproved) {
        (Some(handed), _) => Ok(handed),
        (None, Some(why)) => Err(why.into()),
        (None, None) => Err(CommandError::new(
            Exit::Credential,
            "no gateway runs, and the profile is not one whose secret may be handed out",
        )
        .because(["a profile is marked for that with `keyreeve profile direct NAME`".to_owned()])
        .hint("keyreeve serve --install")),
    }
}

/// The credential of a profile that is marked for it; none where it is not.
fn marked(
    whose: &Whose,
    (asker, destination): (Asker, &Destination),
    (world, teller): (&World, &Teller),
) -> Result<Option<Handed>, CommandError> {
    let Whose::Profile(name) = whose else {
        return Ok(None);
    };
    let store = world.store()?;
    let policy = store.policy()?;
    let profile = profile::find(&policy, name)?.clone();
    // Neither a gateway nor a mark would help: it is not told to try them.
    if profile.is_plan_login() {
        return Err(key::plan_login(name));
    }
    match profile.handing {
        Handing::Leased => return Ok(None),
        Handing::Direct => {}
    }
    refuse_other_places(&profile, asker, destination)?;
    // Nobody is there to be told once it took too long.
    drop(teller.send(Told::Asking));
    let broker = crate::wiring::owner(world)?.broker;
    let credential = crate::wiring::waiting(async {
        let credential = broker.direct(&profile).await;
        broker.settled().await;
        credential
    })?
    .map_err(|error| not_handed(&error))?;
    let base_url = credential.base_url().to_string();
    let exposed = credential
        .expose_for(profile.base_url.origin())
        .map_err(|error| CommandError::of(Exit::Policy, &error))?;
    Ok(Some(Handed {
        secret: Secret::new(exposed.to_owned()),
        kind: Kind::Credential,
        base_url,
        expires_at: profile.expires_at,
    }))
}

/// A credential goes to its own origin and nowhere else, so the client must be known to go there.
fn refuse_other_places(
    profile: &Profile,
    asker: Asker,
    destination: &Destination,
) -> Result<(), CommandError> {
    let own = &profile.base_url;
    let said = destination.is_origin_of(own);
    let usual = *destination == Destination::Unsaid
        && (asker == Asker::Told || own.origin().is_first_party());
    if said || usual {
        return Ok(());
    }
    let why = match destination {
        Destination::Unsaid => format!("is not set, and this credential belongs to {own} alone"),
        Destination::At(_) | Destination::Localhost(_) | Destination::Elsewhere => {
            format!("leads elsewhere, and this credential belongs to {own} alone")
        }
    };
    Err(leads_elsewhere(&why).hint(format!("export {}={own}", variables::CLIENT_BASE_URL)))
}

fn leads_elsewhere(why: &str) -> CommandError {
    CommandError::new(
        Exit::Policy,
        format!(
            "nothing is handed out: {} {why}",
            variables::CLIENT_BASE_URL
        ),
    )
    .hint("keyreeve status")
}

fn not_handed(error: &DirectError) -> CommandError {
    let exit = match error {
        DirectError::Leased { .. }
        | DirectError::PlanLogin { .. }
        | DirectError::ShownPlan { .. } => Exit::Policy,
        DirectError::Source { .. } => Exit::Credential,
    };
    CommandError::of(exit, error)
}

//! Short-lived secrets of virtual keys, which both sides reckon and nobody keeps.
//!
//! A period lasts ten minutes, and what is handed out in it holds until the end of the next: between ten and twenty minutes,
//! while a client asks again after five (docs/facts.md#clients). All who ask in one period get the same secret, so that two
//! hundred at once cost one write.
//!
//! Invariants: a secret that was ended (rotated, revoked) is not handed out again; a key that was revoked stays so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::profile::Name;
use keyreeve_core::virtual_key::{KeyId, Minted};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{Make, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_os::world::now;
use keyreeve_store::{Policy, Store};

use super::super::{key, profile};
use super::destination::Destination;
use crate::error::{CommandError, Exit};
use crate::places::Places;
use crate::running::{self, Acceptance, Gateway, Running};
use crate::settings::Whose;
use crate::wiring::World;

/// How long a period is, in seconds.
const PERIOD: i64 = 600;
/// How many secrets one period can have: each was ended before its time but the last.
const TURNS: u8 = 16;
/// How long it is remembered that a secret was ended: past the end of all that could be handed out again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// One of many at once makes the secret. The others look again after this time.
const REST: Duration = Duration::from_millis(10);
/// Held by the one who makes it.
const LOCK: &str = "helper.lock";

/// A secret of this period.
pub(super) struct Lent {
    pub(super) minted: Minted,
    pub(super) expires_at: Timestamp,
}

/// The period that holds at a moment, for clients that go to one place.
#[derive(Clone, Copy)]
pub(super) struct Period {
    number: i64,
    /// A profile that is marked may be handed out in other ways to who does not say where it goes.
    place: &'static str,
}

impl Period {
    pub(super) fn at(moment: Timestamp, destination: &Destination) -> Self {
        Self {
            number: moment.as_second().div_euclid(PERIOD),
            place: match destination {
                Destination::Unsaid => "anywhere",
                Destination::At(_) | Destination::Localhost(_) | Destination::Elsewhere => "there",
            },
        }
    }

    fn end_of_the_next(self) -> Result<Timestamp, CommandError> {
        Timestamp::from_second((self.number + 2) * PERIOD).map_err(|error| {
            CommandError::new(Exit::Failed, "the clock is out of range").caused_by(&error)
        })
    }

    /// The words for the ticket of a secret in this period: who it is for, when, and how many were ended before it.
    pub(super) fn words(self, whose: &Whose, turn: u8) -> String {
        let Self { number, place } = self;
        match whose {
            Whose::Default => format!("default {place} {number} {turn}"),
            Whose::Profile(name) => format!("profile {name} {place} {number} {turn}"),
            Whose::Key(name) => format!("key {name} {place} {number} {turn}"),
        }
    }

    /// The secret itself, whether or not it is accepted.
    pub(super) fn secret(
        self,
        whose: &Whose,
        turn: u8,
        gateway: &Gateway,
    ) -> Result<Lent, CommandError> {
        let secret = gateway.secret();
        let minted = secret.key_of(&secret.ticket(&self.words(whose, turn)));
        Ok(Lent {
            minted: minted
                .ok_or_else(|| CommandError::new(Exit::Failed, "no key could be made"))?,
            expires_at: self.end_of_the_next()?,
        })
    }
}

/// Makes the secret that is not there yet, or waits for who is making it.
pub(super) fn lend(
    (whose, period): (&Whose, Period),
    gateway: &Gateway,
    (places, deadline): (&Places, Deadline),
    world: &World,
) -> Result<Lent, CommandError> {
    let state = SafeDir::open(&places.state, Make::Never)?;
    loop {
        match Lock::acquire(&state, LOCK, "keyreeve helper") {
            Ok(_lock) => return make(whose, period, gateway, world),
            Err(LockError::Held { .. }) => {}
            Err(LockError::File(error)) => return Err(error.into()),
        }
        if !deadline.sleep(REST) {
            return Err(CommandError::new(
                Exit::Store,
                "others were making the same key for too long",
            )
            .hint("keyreeve helper"));
        }
        let (running, acceptance) = running::prove_with(places, &period.words(whose, 0));
        match (running, acceptance) {
            (Running::Proved(gateway), Acceptance::Accepted) => {
                return period.secret(whose, 0, &gateway);
            }
            (Running::Proved(_) | Running::Not | Running::Unproved(_), _) => {}
        }
    }
}

/// Makes it, unless somebody just has.
fn make(
    whose: &Whose,
    period: Period,
    gateway: &Gateway,
    world: &World,
) -> Result<Lent, CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let key = key_for(whose, &policy, &store)?;
    for turn in 0..TURNS {
        let lent = period.secret(whose, turn, gateway)?;
        let Some(found) = policy.key(lent.minted.public_id) else {
            let (new, now) = ((lent.minted.public_id, lent.minted.hash), now());
            let forget = now.saturating_sub(REMEMBERED).unwrap_or(now);
            store.lend_secret(key, new, (Some(lent.expires_at), forget))?;
            return Ok(lent);
        };
        let holds = found.key.id == key && found.valid_until.is_none_or(|until| until > now());
        if holds {
            return Ok(lent);
        }
    }
    Err(CommandError::new(
        Exit::Failed,
        "the keys of these ten minutes were all ended: new ones are made in the next ten",
    ))
}

/// The key whose secret is handed out; a profile has one of its own, made on first use.
fn key_for(whose: &Whose, policy: &Policy, store: &Store) -> Result<KeyId, CommandError> {
    let name = match whose {
        Whose::Key(name) => return key::usable(key::find(policy, name)?).map(|key| key.id),
        Whose::Profile(name) => name.clone(),
        Whose::Default => super::default_profile(policy)?,
    };
    let profile = profile::find(policy, &name)?;
    if profile.is_plan_login() {
        return Err(key::plan_login(&name));
    }
    let own = own_key(&name)?;
    key::own_of(profile, own, store)
}

/// What the key of a profile's helpers is called, in reports and for `key revoke`.
fn own_key(profile: &Name) -> Result<Name, CommandError> {
    format!("helper-{profile}")
        .parse()
        .map_err(|error| CommandError::of(Exit::Failed, &error).hint("keyreeve helper --key NAME"))
}

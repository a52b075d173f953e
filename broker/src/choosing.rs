//! Chooses the profile of an attempt as everything stands at this moment, takes its probe, and waits where that is better.
//!
//! Invariants: after each wait all is looked at anew, the key first, so that a revocation holds; a wait holds nothing but
//! its place, so that a client that goes away costs nothing.

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::select::{
    Cache, Choice, Chosen, Entry, Hold, NoProfile, Reason, Situation, choose,
};
use keyreeve_core::standing::{Because, Closed, Readiness};
use keyreeve_os::world;
use keyreeve_store::{Known, Operation};
use tokio::time::{Instant, sleep};

use crate::lease::{Ask, LeaseError};
use crate::standing::{Asked, Attempt};
use crate::trail::{Left, Trail};
use crate::{Broker, Client};

/// How often a lease tries to have a probe that others want, too.
const MOST_CLAIMS: usize = 4;

/// A profile that was chosen, and its probe taken where it needs one.
pub(crate) struct Picked {
    /// The key as it is now.
    pub(crate) client: Client,
    pub(crate) profile: Profile,
    pub(crate) standing: Attempt,
    pub(crate) reason: Reason,
    /// Who would have served, but for what is said of it.
    pub(crate) left: Option<Left>,
}

/// What a moment gives.
enum Moment {
    Picked(Box<Picked>),
    /// Somebody else has the probe.
    Taken,
    Wait(ProfileId, Timestamp),
}

impl Broker {
    /// Chooses the profile, and takes its probe where it may only be used by one.
    pub(crate) async fn choose_now(
        &self,
        client: &Client,
        ask: &Ask,
        trail: &mut Trail,
    ) -> Result<Picked, LeaseError> {
        let mut claims = 0;
        loop {
            match self.moment(client, ask, trail).await? {
                Moment::Picked(picked) => return Ok(*picked),
                Moment::Taken if claims == MOST_CLAIMS => {
                    return Err(LeaseError::Ledger(keyreeve_store::Error::Busy));
                }
                Moment::Taken => claims += 1,
                Moment::Wait(profile, until) => self.wait(profile, until, trail).await,
            }
        }
    }

    async fn moment(
        &self,
        client: &Client,
        ask: &Ask,
        trail: &Trail,
    ) -> Result<Moment, LeaseError> {
        let (client, known) = self.known(&client.presented)?;
        let asked = Asked::new(ask.operation, ask.model.as_deref(), world::now());
        let (choice, held) = self.choose(&client, &known, &asked, (ask, trail))?;
        let chosen = match choice {
            Choice::Use(chosen) => chosen,
            Choice::Wait { profile, until } => return Ok(Moment::Wait(profile.id, until)),
        };
        let standing = Attempt::new(chosen.profile, &asked, &known.standings);
        if chosen.entry == Entry::AsProbe {
            let claimed = self.claim(&standing, &known.standings).await;
            // It took a while: the key may have been revoked meanwhile.
            self.client(&client.presented)?;
            if !claimed.map_err(LeaseError::Ledger)? {
                return Ok(Moment::Taken);
            }
        }
        self.remember(&client, ask, (chosen, held), asked.at);
        let left = match chosen.reason {
            Reason::Moved => self.moved_from(held, &known, &asked),
            Reason::First
            | Reason::Spread
            | Reason::Held
            | Reason::AfterRefusal
            | Reason::AfterFailure
            | Reason::Renewed
            | Reason::Waited
            | Reason::Named => trail.left().cloned(),
        };
        Ok(Moment::Picked(Box::new(Picked {
            profile: chosen.profile.clone(),
            reason: chosen.reason,
            client,
            standing,
            left,
        })))
    }

    /// Chooses among a key's profiles as they stand, and says who held the conversation.
    fn choose<'p>(
        &self,
        client: &Client,
        known: &'p Known,
        asked: &Asked,
        (ask, trail): (&Ask, &Trail),
    ) -> Result<(Choice<'p>, Option<ProfileId>), NoProfile> {
        let memory = self.memory.lock();
        let held = memory.held_by(client.key.id, ask.conversation, asked.at);
        let situation = Situation {
            key: &client.key,
            tried: trail.tried(),
            held,
            cache: Cache::of_body(ask.body_bytes),
            wait_until: trail.wait_until(asked.at),
        };
        let choice = choose(
            &situation,
            |id| known.policy.profile(id),
            |profile| self.stands(profile, known, asked),
            |profile| memory.last_use(profile),
        )?;
        Ok((choice, held))
    }

    fn stands(&self, profile: &Profile, known: &Known, asked: &Asked) -> Readiness {
        let attempt = Attempt::new(profile, asked, &known.standings);
        self.readiness(&attempt, &known.standings)
    }

    /// Only messages leave anything in a cache: what else is asked follows its conversation and does not move it.
    fn remember(
        &self,
        client: &Client,
        ask: &Ask,
        (chosen, held): (Chosen<'_>, Option<ProfileId>),
        now: Timestamp,
    ) {
        let mut memory = self.memory.lock();
        memory.used(chosen.profile.id);
        let by = match chosen.hold {
            Hold::Chosen => chosen.profile.id,
            Hold::AsBefore => held.unwrap_or(chosen.profile.id),
        };
        match (ask.operation, ask.conversation) {
            (Operation::Messages, Some(conversation)) => {
                memory.hold((client.key.id, conversation), by, now);
            }
            (Operation::Messages, None)
            | (Operation::CountTokens | Operation::Models | Operation::Account, _) => {}
        }
    }

    fn moved_from(&self, held: Option<ProfileId>, known: &Known, asked: &Asked) -> Option<Left> {
        let profile = known.policy.profile(held?)?;
        Some(Left {
            profile: profile.name.clone(),
            verdict: name(self.stands(profile, known, asked)),
        })
    }

    /// Waits until a limit is over and those are gone who waited before.
    async fn wait(&self, profile: ProfileId, until: Timestamp, trail: &mut Trail) {
        let begun = Instant::now();
        let turn = self.turns.take(profile);
        let left = until.duration_since(world::now());
        sleep(Duration::try_from(left).unwrap_or_default() + turn.after()).await;
        trail.waited(begun.elapsed());
    }
}

/// What keeps a profile from serving, in a word.
fn name(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Resting {
            because: Because::Answer(code),
            ..
        }
        | Readiness::Closed(Closed::Blocked(code) | Closed::Dead(code)) => code.name(),
        Readiness::Resting {
            because: Because::Person,
            ..
        } => "resting",
        Readiness::Resting {
            because: Because::Upstream,
            ..
        } => "upstream",
        Readiness::Closed(Closed::Drained) => "drained",
        Readiness::Ready | Readiness::Probe => "left_out",
    }
}

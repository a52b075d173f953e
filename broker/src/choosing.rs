//! Chooses the profile of an attempt as everything stands at this moment, takes its probe, and waits where that is better.
//!
//! Invariants: after each wait all is looked at anew, the key first, so that a revocation holds; a wait holds nothing but
//! its place, so that a client that goes away costs nothing.

use std::sync::Arc;
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

use crate::standing::{Asked, Attempt};
use crate::trail::{Left, Trail};
use crate::underway::Underway;
use crate::{Ask, Broker, Client, LeaseError};

/// How often a lease tries to have a probe that others want, too, for each of its key's profiles: who has lost them all is
/// told that they rest.
const MOST_CLAIMS: usize = 4;

/// A profile that was chosen, and its probe taken where it needs one.
pub(crate) struct Picked {
    /// The key as it is now.
    pub(crate) client: Client,
    pub(crate) profile: Profile,
    pub(crate) standing: Underway,
    pub(crate) reason: Reason,
    /// Who would have served, but for what is said of it.
    pub(crate) left: Option<Left>,
}

/// What is asked, by whom, and all that is known, as of one moment.
struct Moment<'a> {
    ask: &'a Ask,
    client: Client,
    known: Known,
    asked: Asked,
}

/// What a moment gives.
enum Given {
    Picked(Box<Picked>),
    /// Somebody else has the probe.
    Taken,
    Wait(ProfileId, Timestamp),
}

impl Broker {
    /// Chooses the profile, and takes its probe where it may only be used by one.
    pub(crate) async fn choose_now(
        self: &Arc<Self>,
        client: &Client,
        ask: &Ask,
        trail: &mut Trail,
    ) -> Result<Picked, LeaseError> {
        let mut claims = 0;
        loop {
            let (client, known) = self.known(&client.presented)?;
            let most_claims = MOST_CLAIMS * client.key.profiles.len();
            let moment = Moment {
                asked: Asked::new(ask.operation, ask.model.as_deref(), world::now()),
                ask,
                client,
                known,
            };
            match self.pick(moment, trail).await? {
                Given::Picked(picked) => return Ok(*picked),
                Given::Taken if claims >= most_claims => {
                    return Err(LeaseError::Ledger(keyreeve_store::Error::Busy));
                }
                Given::Taken => claims += 1,
                Given::Wait(profile, until) => self.wait(profile, until, trail).await,
            }
        }
    }

    async fn pick(
        self: &Arc<Self>,
        moment: Moment<'_>,
        trail: &Trail,
    ) -> Result<Given, LeaseError> {
        let (choice, held) = self.choose(&moment, trail)?;
        let chosen = match choice {
            Choice::Use(chosen) => chosen,
            Choice::Wait { profile, until } => return Ok(Given::Wait(profile.id, until)),
        };
        let standings = &moment.known.standings;
        let attempt = Attempt::new(chosen.profile, &moment.asked, standings);
        let mut standing = Underway::new(self, attempt);
        if chosen.entry == Entry::AsProbe {
            let claimed = standing.claim(standings).await;
            // It took a while: the key may have been revoked meanwhile.
            self.client(&moment.client.presented)?;
            if !claimed.map_err(LeaseError::Ledger)? {
                standing.give_up().await;
                return Ok(Given::Taken);
            }
        }
        self.remember(&moment, chosen, held);
        // Between two requests, or in this one.
        let left = if chosen.reason == Reason::Moved {
            self.moved_from(held, &moment)
        } else {
            trail.left().cloned()
        };
        Ok(Given::Picked(Box::new(Picked {
            profile: chosen.profile.clone(),
            reason: chosen.reason,
            client: moment.client,
            standing,
            left,
        })))
    }

    /// Chooses among a key's profiles as they stand, and says who held the conversation.
    fn choose<'m>(
        &self,
        moment: &'m Moment<'_>,
        trail: &Trail,
    ) -> Result<(Choice<'m>, Option<ProfileId>), NoProfile> {
        let (key, now) = (&moment.client.key, moment.asked.at);
        let memory = self.memory.lock();
        let held = memory.held_by(key.id, moment.ask.conversation, now);
        let situation = Situation {
            key,
            tried: trail.tried(),
            held,
            cache: Cache::of_body(moment.ask.body_bytes),
            wait_until: trail.wait_until(now),
        };
        let choice = choose(
            &situation,
            |id| moment.known.policy.profile(id),
            |profile| self.stands(profile, moment),
            |profile| memory.last_use(profile),
        )?;
        Ok((choice, held))
    }

    fn stands(&self, profile: &Profile, moment: &Moment<'_>) -> Readiness {
        let standings = &moment.known.standings;
        let attempt = Attempt::new(profile, &moment.asked, standings);
        self.readiness(&attempt, standings)
    }

    /// Only messages leave anything in a cache: what else is asked follows its conversation and does not move it.
    fn remember(&self, moment: &Moment<'_>, chosen: Chosen<'_>, held: Option<ProfileId>) {
        let Moment { ask, client, .. } = moment;
        let mut memory = self.memory.lock();
        memory.used(chosen.profile.id);
        let by = match chosen.hold {
            Hold::Chosen => chosen.profile.id,
            Hold::AsBefore => held.unwrap_or(chosen.profile.id),
        };
        match (ask.operation, ask.conversation) {
            (Operation::Messages, Some(conversation)) => {
                memory.hold((client.key.id, conversation), by, moment.asked.at);
            }
            (Operation::Messages, None)
            | (Operation::CountTokens | Operation::Models | Operation::Account, _) => {}
        }
    }

    /// The profile that a conversation left between two requests.
    fn moved_from(&self, held: Option<ProfileId>, moment: &Moment<'_>) -> Option<Left> {
        let profile = moment.known.policy.profile(held?)?;
        Some(Left {
            profile: profile.name.clone(),
            verdict: name(self.stands(profile, moment)),
        })
    }

    /// Waits until a limit is over and those are gone who waited before, and no longer than the client does.
    async fn wait(&self, profile: ProfileId, until: Timestamp, trail: &mut Trail) {
        let begun = Instant::now();
        let turn = self.turns.take(profile);
        let left = Duration::try_from(until.duration_since(world::now())).unwrap_or_default();
        sleep((left + turn.after()).min(trail.time_left())).await;
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

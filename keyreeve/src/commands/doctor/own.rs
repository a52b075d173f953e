//! What keyreeve itself keeps, as far as `doctor` judges it. A store that does not open is a finding, not a failure; where
//! there is none yet, none is made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyreeve_core::finding::LastAnswer;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::snapshot::Own;
use keyreeve_store::{Policy, Store};

use crate::commands::serve::runtime_file::stale_runtime_file;
use crate::error::{CommandError, Label};
use crate::wiring::{self, World};

/// So many of the newest ledger rows are looked at.
const ROWS: u32 = 500;

/// What keyreeve keeps.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) own: Own,
    pub(super) last_written: Option<Timestamp>,
    pub(super) last_answers: Vec<LastAnswer>,
    pub(super) stale_runtime_file: Option<String>,
    pub(super) closed: Option<String>,
}

/// Looks at the store, where there is one.
pub(super) fn look(world: &World) -> Kept {
    look_at_all(world).unwrap_or_else(|error| Kept {
        closed: Some(in_words(&error)),
        ..Kept::default()
    })
}

fn look_at_all(world: &World) -> Result<Kept, CommandError> {
    let places = world.places()?;
    if !Store::is_made(&wiring::store_places(&places)) {
        return Ok(Kept::default());
    }
    let store = world.store()?;
    let policy = store.policy()?;
    let mut kept = Kept {
        own: wiring::own(&policy),
        stale_runtime_file: stale_runtime_file(&places, &store)
            .map(|path| path.to_string_lossy().into_owned()),
        ..Kept::default()
    };
    answers(&store, &policy, &mut kept)?;
    Ok(kept)
}

/// The newest answer of each profile, and the newest moment that was written down.
fn answers(store: &Store, policy: &Policy, kept: &mut Kept) -> Result<(), CommandError> {
    let mut newest: BTreeMap<ProfileId, LastAnswer> = BTreeMap::new();
    let mut moments: Vec<Timestamp> = Vec::new();
    for profile in policy.profiles() {
        moments.push(profile.created_at);
        moments.extend(profile.rotated_at);
    }
    for row in store.attempts(ROWS)? {
        moments.push(row.intent.started_at);
        let id = row.intent.profile;
        if let (Some(ended), Some(profile)) = (row.ended, policy.profile(id)) {
            moments.push(ended.ended_at);
            let changed = profile.rotated_at.unwrap_or(profile.created_at);
            // What was said of the secret before it was replaced does not count.
            if let Some(verdict) = ended.verdict.filter(|_| ended.ended_at >= changed) {
                newest.entry(id).or_insert_with(|| LastAnswer {
                    profile: profile.name.clone(),
                    verdict,
                    at: ended.ended_at,
                });
            }
        }
    }
    kept.last_written = moments.into_iter().max();
    kept.last_answers = newest.into_values().collect();
    Ok(())
}

fn in_words(error: &CommandError) -> String {
    let causes = error.lines().filter(|(label, _)| match label {
        Label::Error | Label::CausedBy => true,
        Label::Hint => false,
    });
    let texts: Vec<_> = causes.map(|(_, text)| text).collect();
    texts.join(": ")
}

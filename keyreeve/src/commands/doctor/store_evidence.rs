//! The parts of keyreeve's own state that `doctor` evaluates. A store that does not open is a finding, not a failure; a
//! missing store is not created.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;
use keyreeve_resolver::finding::LastResponse;
use keyreeve_resolver::snapshot::KeyreeveState;
use keyreeve_store::{Policy, Store};

use crate::context::{self, Context};
use crate::error::CommandError;
use crate::running_gateway::stale_runtime_file;

/// Number of the newest ledger entries that are read.
const MAX_ENTRIES: u32 = 500;

/// Evidence from the store and the state directory.
#[derive(Default)]
pub(super) struct StoreEvidence {
    pub(super) keyreeve: KeyreeveState,
    pub(super) last_written: Option<Timestamp>,
    pub(super) last_responses: Vec<LastResponse>,
    pub(super) stale_runtime_file: Option<String>,
    pub(super) open_error: Option<String>,
}

/// Reads the store if there is one.
pub(super) fn read(context: &Context) -> StoreEvidence {
    try_read(context).unwrap_or_else(|error| StoreEvidence {
        open_error: Some(error.one_line()),
        ..StoreEvidence::default()
    })
}

fn try_read(context: &Context) -> Result<StoreEvidence, CommandError> {
    let dirs = context.dirs()?;
    if !Store::exists(&context::store_paths(&dirs)) {
        return Ok(StoreEvidence::default());
    }
    let store = context.open_store()?;
    let policy = store.policy()?;
    let mut evidence = StoreEvidence {
        keyreeve: context::keyreeve_state(&policy),
        stale_runtime_file: stale_runtime_file(&dirs, &store)
            .map(|path| path.to_string_lossy().into_owned()),
        ..StoreEvidence::default()
    };
    read_ledger(&store, &policy, &mut evidence)?;
    Ok(evidence)
}

/// Reads the last response of each profile, and the newest timestamp.
fn read_ledger(
    store: &Store,
    policy: &Policy,
    evidence: &mut StoreEvidence,
) -> Result<(), CommandError> {
    let mut newest: BTreeMap<ProfileId, LastResponse> = BTreeMap::new();
    let mut timestamps: Vec<Timestamp> = Vec::new();
    for profile in policy.profiles() {
        timestamps.push(profile.created_at);
        timestamps.extend(profile.rotated_at);
    }
    for entry in store.ledger_entries(MAX_ENTRIES)? {
        timestamps.push(entry.intent.started_at);
        let id = entry.intent.profile;
        if let (Some(outcome), Some(profile)) = (entry.outcome, policy.profile(id)) {
            timestamps.push(outcome.ended_at);
            let changed = profile.rotated_at.unwrap_or(profile.created_at);
            // Responses to the secret before its rotation do not count.
            if let Some(verdict) = outcome.verdict.filter(|_| outcome.ended_at >= changed) {
                newest.entry(id).or_insert_with(|| LastResponse {
                    profile: profile.name.clone(),
                    verdict,
                    at: outcome.ended_at,
                });
            }
        }
    }
    evidence.last_written = timestamps.into_iter().max();
    evidence.last_responses = newest.into_values().collect();
    Ok(())
}

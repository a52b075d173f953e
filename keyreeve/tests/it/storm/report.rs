//! Checks the storm's results: nothing lost, nothing duplicated, no cooldown without a reason.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use keyreeve_core::health::{Health, HealthScope, MAX_JITTER};
use keyreeve_core::profile::ProfileId;
use keyreeve_store::{HealthStates, LedgerEntry};
use keyreeve_testkit::upstream::ReceivedRequest;

use super::api::{IN_FLIGHT, ORGANIZATION_OF_PROFILE, ORGANIZATIONS, WaitInstruction};
use super::clients::{ClientOutcome, RequestRecord};

/// Maximum attempts of one request.
const MAX_ATTEMPTS: usize = 3;

/// Counts and problems.
#[derive(Default, Debug)]
pub(super) struct StormReport {
    pub(super) served: usize,
    pub(super) errors: BTreeMap<ClientOutcome, usize>,
    /// Requests sent with another profile than the previous one of their conversation.
    pub(super) failovers: usize,
    /// By strategy of the key: the conversations of two or more turns, and those served by a single profile.
    pub(super) conversations: BTreeMap<String, (usize, usize)>,
    /// Problems, which must be none.
    pub(super) lost: Vec<String>,
    pub(super) duplicates: Vec<String>,
    pub(super) false_cooldowns: Vec<String>,
    pub(super) hung: Vec<String>,
}

/// Everything that was observed.
pub(super) struct StormData<'a> {
    pub(super) requests: &'a [RequestRecord],
    pub(super) received: &'a [ReceivedRequest],
    pub(super) entries: &'a [LedgerEntry],
    pub(super) wait_instructions: &'a [Vec<WaitInstruction>; 3],
}

impl StormReport {
    pub(super) fn from_data(data: &StormData<'_>) -> Self {
        let mut report = Self::default();
        report.clients(data);
        report.ledger(data);
        report.conversations(data);
        report
    }

    /// Counts the clients' outcomes.
    fn clients(&mut self, data: &StormData<'_>) {
        for request in data.requests {
            match &request.outcome {
                ClientOutcome::Served => self.served += 1,
                ClientOutcome::Hung(how) => self.hung.push(format!("{}: {how}", request.session)),
                other @ (ClientOutcome::Forwarded(..) | ClientOutcome::Refused(..)) => {
                    *self.errors.entry(other.clone()).or_default() += 1;
                }
            }
            if let ClientOutcome::Refused(status, kind) = &request.outcome {
                for (number, instructions) in data.wait_instructions.iter().enumerate() {
                    // The organization was ready during the whole request, and could have served it.
                    if !instructions
                        .iter()
                        .any(|instruction| overlaps(instruction, request))
                    {
                        self.false_cooldowns.push(format!(
                            "{status} {kind} at {} while {} was ready",
                            request.completed_at, ORGANIZATIONS[number]
                        ));
                    }
                }
            }
        }
    }

    /// Checks that each request that arrived has one entry, each entry one outcome, and no request two responses.
    fn ledger(&mut self, data: &StormData<'_>) {
        let mut arrived: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for request in data.received {
            *arrived
                .entry(*blake3::hash(&request.body).as_bytes())
                .or_default() += 1;
        }
        let mut by_body: BTreeMap<[u8; 32], Vec<&LedgerEntry>> = BTreeMap::new();
        let mut attempts = BTreeSet::new();
        for row in data.entries {
            by_body
                .entry(row.intent.request_hash)
                .or_default()
                .push(row);
            if !attempts.insert(row.intent.attempt.0) {
                self.duplicates
                    .push(format!("attempt {}", row.intent.attempt.0));
            }
            if row.outcome.is_none() {
                self.lost
                    .push(format!("no outcome: {}", row.intent.attempt.0));
            }
        }
        for (hash, count) in &arrived {
            let entries = by_body.get(hash).map_or(0, Vec::len);
            let name = hex(hash);
            if entries < *count {
                self.lost.push(format!(
                    "{name} arrived {count} times and has {entries} entries"
                ));
            }
            if entries > *count || entries > MAX_ATTEMPTS {
                self.duplicates.push(format!(
                    "{name} arrived {count} times and has {entries} entries"
                ));
            }
        }
        for (hash, entries) in &by_body {
            let served = entries.iter().filter(|entry| is_served(entry)).count();
            if served > 1 {
                self.duplicates
                    .push(format!("{} was served {served} times", hex(hash)));
            }
        }
        for request in data.requests {
            let has_entries = by_body.contains_key(&request.body_hash);
            let needs_entry = matches!(
                request.outcome,
                ClientOutcome::Served | ClientOutcome::Forwarded(..)
            );
            if needs_entry && !has_entries {
                self.lost.push(format!(
                    "{} got a response and has no entry",
                    request.session
                ));
            }
        }
    }

    fn conversations(&mut self, data: &StormData<'_>) {
        let mut of_session: BTreeMap<&str, Vec<ProfileId>> = BTreeMap::new();
        let mut entries: Vec<&LedgerEntry> = data.entries.iter().collect();
        entries.sort_by_key(|row| row.intent.attempt.0);
        for row in entries {
            if let (Some(session), true) = (&row.intent.session, is_served(row)) {
                of_session
                    .entry(session)
                    .or_default()
                    .push(row.intent.profile);
            }
        }
        of_session.retain(|_, turns| turns.len() > 1);
        for (session, profiles) in of_session {
            let failovers = profiles.windows(2).filter(|two| two[0] != two[1]).count();
            self.failovers += failovers;
            let strategy = session.split('-').next().unwrap_or_default().to_owned();
            let (all, unbroken) = self.conversations.entry(strategy).or_default();
            *all += 1;
            *unbroken += usize::from(failovers == 0);
        }
    }
}

/// Finds cooldowns in the store that no wait instruction explains, or that last longer than instructed.
pub(super) fn find_unexplained_cooldowns(
    health_states: &HealthStates,
    wait_instructions: &[Vec<WaitInstruction>; 3],
    profiles: &[ProfileId],
) -> Vec<String> {
    let is_explained = |number: usize, until: Timestamp| {
        wait_instructions[number]
            .iter()
            .any(|instruction| until <= instruction.until + MAX_JITTER + IN_FLIGHT)
    };
    let mut found = Vec::new();
    for (scope, health) in health_states.iter() {
        let number = organization(scope, profiles);
        let is_expected = match health {
            Health::Ready => true,
            Health::Cooldown(cooldown) => {
                number.is_some_and(|number| is_explained(number, cooldown.until))
            }
            Health::Blocked { .. } | Health::Dead { .. } | Health::Drained { .. } => false,
        };
        if !is_expected {
            found.push(format!("{scope:?} is {health:?}"));
        }
    }
    found
}

fn is_served(entry: &LedgerEntry) -> bool {
    let outcome = entry.outcome.as_ref();
    outcome.is_some_and(|outcome| outcome.status == Some(200))
}

fn organization(scope: &HealthScope, profiles: &[ProfileId]) -> Option<usize> {
    match scope {
        HealthScope::Credential(profile) | HealthScope::CredentialClass(profile, _) => {
            let number = profiles.iter().position(|id| id == profile)?;
            Some(ORGANIZATION_OF_PROFILE[number])
        }
        HealthScope::Organization(named) | HealthScope::OrganizationClass(named, _) => {
            ORGANIZATIONS.iter().position(|name| *name == named.id())
        }
    }
}

/// Returns `true` if the wait instruction was in force during part of the request.
fn overlaps(instruction: &WaitInstruction, request: &RequestRecord) -> bool {
    instruction.at <= request.completed_at
        && request.sent_at <= instruction.until + MAX_JITTER + IN_FLIGHT
}

fn hex(hash: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = hash;
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

//! What the storm did, held against what may be: nothing lost, nothing double, nobody rested for nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::{MOST_JITTER, Scope, Standing};
use keyreeve_store::{AttemptRow, Standings};
use keyreeve_testkit::upstream::Received;

use super::api::{MEMBERS, ON_ITS_WAY, ORGANIZATIONS, Told};
use super::clients::{Asked, Came};

/// The most attempts of one request.
const MOST_ATTEMPTS: usize = 3;

/// What is counted.
#[derive(Default, Debug)]
pub(super) struct Judged {
    pub(super) served: usize,
    pub(super) refused: BTreeMap<Came, usize>,
    /// Requests that went to another profile than the one before in their conversation.
    pub(super) switches: usize,
    /// By the strategy of their key: conversations of two turns and more, and those that one profile served.
    pub(super) conversations: BTreeMap<String, (usize, usize)>,
    /// What must be zero, each with what was seen.
    pub(super) lost: Vec<String>,
    pub(super) double: Vec<String>,
    pub(super) wrongly_rested: Vec<String>,
    pub(super) hung: Vec<String>,
}

/// Everything that was seen.
pub(super) struct Seen<'a> {
    pub(super) asked: &'a [Asked],
    pub(super) received: &'a [Received],
    pub(super) rows: &'a [AttemptRow],
    pub(super) told: &'a [Vec<Told>; 3],
}

impl Judged {
    pub(super) fn of(seen: &Seen<'_>) -> Self {
        let mut judged = Self::default();
        judged.clients(seen);
        judged.ledger(seen);
        judged.conversations(seen);
        judged
    }

    /// What the clients were answered.
    fn clients(&mut self, seen: &Seen<'_>) {
        for asked in seen.asked {
            match &asked.came {
                Came::Served => self.served += 1,
                Came::Nothing(how) => self.hung.push(format!("{}: {how}", asked.session)),
                other @ (Came::Passed(..) | Came::Refused(..)) => {
                    *self.refused.entry(other.clone()).or_default() += 1;
                }
            }
            if let Came::Refused(status, kind) = &asked.came {
                for (number, told) in seen.told.iter().enumerate() {
                    // Ready all the time that the request was here: it could have been served.
                    if !told.iter().any(|told| covers(told, asked)) {
                        self.wrongly_rested.push(format!(
                            "{status} {kind} at {} while {} was ready",
                            asked.answered_at, ORGANIZATIONS[number]
                        ));
                    }
                }
            }
        }
    }

    /// Each request that arrived has one row, each row one outcome, and no request two answers.
    fn ledger(&mut self, seen: &Seen<'_>) {
        let mut arrived: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for request in seen.received {
            *arrived
                .entry(*blake3::hash(&request.body).as_bytes())
                .or_default() += 1;
        }
        let mut by_body: BTreeMap<[u8; 32], Vec<&AttemptRow>> = BTreeMap::new();
        let mut attempts = BTreeSet::new();
        for row in seen.rows {
            by_body
                .entry(row.intent.request_hash)
                .or_default()
                .push(row);
            if !attempts.insert(row.intent.attempt.0) {
                self.double
                    .push(format!("attempt {}", row.intent.attempt.0));
            }
            if row.ended.is_none() {
                self.lost
                    .push(format!("no outcome: {}", row.intent.attempt.0));
            }
        }
        for (hash, count) in &arrived {
            let rows = by_body.get(hash).map_or(0, Vec::len);
            let name = hex(hash);
            if rows < *count {
                self.lost
                    .push(format!("{name} arrived {count} times and has {rows} rows"));
            }
            if rows > *count || rows > MOST_ATTEMPTS {
                self.double
                    .push(format!("{name} arrived {count} times and has {rows} rows"));
            }
        }
        let ok = |row: &&&AttemptRow| row.ended.as_ref().is_some_and(|it| it.status == Some(200));
        for (hash, rows) in &by_body {
            let served = rows.iter().filter(ok).count();
            if served > 1 {
                self.double
                    .push(format!("{} was served {served} times", hex(hash)));
            }
        }
        for asked in seen.asked {
            let has_rows = by_body.contains_key(&asked.body_hash);
            let wants_one = matches!(asked.came, Came::Served | Came::Passed(..));
            if wants_one && !has_rows {
                self.lost
                    .push(format!("{} was answered and has no row", asked.session));
            }
        }
    }

    fn conversations(&mut self, seen: &Seen<'_>) {
        let mut of_session: BTreeMap<&str, Vec<ProfileId>> = BTreeMap::new();
        let mut rows: Vec<&AttemptRow> = seen.rows.iter().collect();
        rows.sort_by_key(|row| row.intent.attempt.0);
        for row in rows {
            let served = row.ended.as_ref().is_some_and(|it| it.status == Some(200));
            if let (Some(session), true) = (&row.intent.session, served) {
                of_session
                    .entry(session)
                    .or_default()
                    .push(row.intent.profile);
            }
        }
        of_session.retain(|_, turns| turns.len() > 1);
        for (session, profiles) in of_session {
            let switches = profiles.windows(2).filter(|two| two[0] != two[1]).count();
            self.switches += switches;
            let strategy = session.split('-').next().unwrap_or_default().to_owned();
            let (all, kept) = self.conversations.entry(strategy).or_default();
            *all += 1;
            *kept += usize::from(switches == 0);
        }
    }
}

/// Looks at what stands in the store: each rest must be one that was told, and end when it was told to.
pub(super) fn unfounded(
    standings: &Standings,
    told: &[Vec<Told>; 3],
    profiles: &[ProfileId],
) -> Vec<String> {
    let founded = |number: usize, until: Timestamp| {
        told[number]
            .iter()
            .any(|told| until <= told.until + MOST_JITTER + ON_ITS_WAY)
    };
    let mut found = Vec::new();
    for (scope, standing) in standings.iter() {
        let number = organization(scope, profiles);
        let good = match standing {
            Standing::Ready => true,
            Standing::Resting(rest) => number.is_some_and(|number| founded(number, rest.until)),
            Standing::Blocked { .. } | Standing::Dead { .. } | Standing::Drained { .. } => false,
        };
        if !good {
            found.push(format!("{scope:?} stands {standing:?}"));
        }
    }
    found
}

fn organization(scope: &Scope, profiles: &[ProfileId]) -> Option<usize> {
    match scope {
        Scope::Credential(profile) | Scope::CredentialClass(profile, _) => {
            let number = profiles.iter().position(|known| known == profile)?;
            Some(MEMBERS[number])
        }
        Scope::Organization(named) | Scope::OrganizationClass(named, _) => {
            ORGANIZATIONS.iter().position(|name| *name == named.id())
        }
    }
}

/// Whether an organization had been told to wait for some of the time that a request was here.
fn covers(told: &Told, asked: &Asked) -> bool {
    told.at <= asked.answered_at && asked.sent_at <= told.until + MOST_JITTER + ON_ITS_WAY
}

fn hex(hash: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = hash;
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

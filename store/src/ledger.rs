//! The ledger: one entry per attempt, opened by an intent and closed once by its outcome.
//!
//! Invariants: an entry is closed once, by the owner of its [`OpenIntent`]; a closed entry never changes again; an open
//! entry counts with its reserved cost; every process sees every entry at once.

use jiff::Timestamp;
use keyreeve_core::profile::ProfileId;

use crate::entries::{AttemptId, EntryOutcome, Intent, LedgerEntry, Outcome};
use crate::fold::{self, Recovered};
use crate::journal::OpenSlot;
use crate::ledger_connection::SyncMode;
use crate::live::{self, LiveEntries};
use crate::retention::{self, Retention, RetentionPlan};
use crate::rows::attempts::{self, Attempt, RowId};
use crate::rows::rollups::Batch;
use crate::sql_types::{timestamp, uuid};
use crate::{Policy, Result, Store, ledger_lock};

/// A recorded intent, which is closed by its outcome.
#[derive(Debug)]
#[must_use = "an intent without an outcome stays open until its process ends"]
pub struct OpenIntent(pub(crate) OpenPlace);

/// The place of an open entry.
#[derive(Debug)]
pub(crate) enum OpenPlace {
    Journal(OpenSlot),
    Row(RowId, Box<Intent>),
}

impl Store {
    /// Starts the journal with a new, random id. A process that serves calls it once, before its first request; commands
    /// that send a single request write it to the database.
    ///
    /// # Errors
    /// If the journal cannot be created, or the database cannot be written.
    pub fn start_journal(&self, id: [u8; 16]) -> Result<()> {
        self.ledger.start_journal(id)
    }

    /// Sets what a serving process deletes, and announces it: on the first call for a store, deletion begins a week
    /// after `now`.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn start_retention(&self, retention: Retention, now: Timestamp) -> Result<RetentionPlan> {
        let plan = self.ledger.execute(move |connection| {
            connection.write(SyncMode::EachCommit, |transaction| {
                retention::announce(transaction, retention, now)
            })
        })?;
        self.ledger.start_retention(retention);
        Ok(plan)
    }

    /// Reads what retention will delete, or `None` if no gateway has announced it yet.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn retention_plan(&self, retention: Retention) -> Result<Option<RetentionPlan>> {
        let connection = self.live_entries()?.connection;
        Ok(retention::announced_plan(&connection, retention)?)
    }

    /// Records an intent before its request is sent. Survives a kill of this process; see [`Store::sync_intents`] for
    /// power failures. With a journal it does not wait for the database.
    ///
    /// # Errors
    /// If it cannot be recorded: then nothing may be sent.
    pub fn record_intent(&self, intent: Intent) -> Result<OpenIntent> {
        if let Some(journal) = self.ledger.journal() {
            self.ledger.check_writable()?;
            let opened = journal.open_entry(intent);
            let slot = opened.map_err(|error| self.ledger.with_cause(error))?;
            return Ok(OpenIntent(OpenPlace::Journal(slot)));
        }
        self.ledger_lock.share(self.dir())?;
        let sync = self.ledger.sync_mode();
        let (id, intent) = self.ledger.execute(move |connection| {
            let id = connection.write(sync, |transaction| {
                attempts::insert(transaction, &intent, None)
            })?;
            Ok((id, intent))
        })?;
        Ok(OpenIntent(OpenPlace::Row(id, Box::new(intent))))
    }

    /// Returns `true` if an intent is acknowledged only by [`Store::sync_intents`].
    pub fn acknowledges_after_sync(&self) -> bool {
        self.ledger.group_sync().is_some()
    }

    /// Calls `done` when all intents recorded so far are on the disk, if durability is strict; otherwise at once.
    pub fn sync_intents(&self, done: impl FnOnce(Result<()>) + Send + 'static) {
        match self.ledger.group_sync() {
            Some(group_sync) => group_sync.queue(Box::new(done)),
            None => done(Ok(())),
        }
    }

    /// Closes an entry without waiting. With a journal, an outcome that cannot be committed (a full disk) waits there;
    /// without one, its entry stays open at its reserved cost.
    pub fn record_outcome(&self, open: OpenIntent, outcome: Outcome) {
        let outcome = EntryOutcome::from(outcome);
        match open.0 {
            OpenPlace::Journal(slot) => {
                if let Some(journal) = self.ledger.journal() {
                    let closed = journal.close_entry(slot, outcome);
                    self.ledger.wake_if_many(closed);
                }
            }
            OpenPlace::Row(id, intent) => {
                let sync = self.ledger.sync_mode();
                let close = move |connection: &mut crate::ledger_connection::LedgerConnection| {
                    let closed = connection.write(sync, |transaction| {
                        if attempts::close(transaction, id, &outcome)? {
                            let mut sums = Batch::default();
                            sums.add(&intent, &outcome);
                            sums.write(transaction)?;
                        }
                        Ok(())
                    });
                    // An entry that cannot be closed counts with its reserved cost.
                    closed.ok();
                };
                self.ledger.queue(close).ok();
            }
        }
    }

    /// Recovers from crashes: closes the open intents of dead processes as unknown, at their reserved cost.
    ///
    /// Of processes without a journal it closes nothing while any of them (this one included) is alive: the owner of an
    /// open entry is not recorded. Until a later call the entry counts with its reserved cost anyway.
    ///
    /// # Errors
    /// If the transaction cannot be committed, or a journal is damaged.
    pub fn close_open_intents(&self, at: Timestamp) -> Result<Recovered> {
        let dir = self.dir().try_clone()?;
        self.ledger.execute(move |connection| {
            let mut recovered = fold::recover(connection, &dir, at)?;
            if let Some(_exclusive_lock) = ledger_lock::try_exclusive(&dir)? {
                recovered.unknown += fold::close_rows(connection, at)?;
            }
            Ok(recovered)
        })
    }

    /// Waits until everything queued and every closed entry is committed.
    ///
    /// # Errors
    /// If it cannot be committed.
    pub fn flush(&self) -> Result<()> {
        self.policy_writer.flush()?;
        self.ledger.flush()
    }

    /// Reads the newest entries, newest first, at most `limit`.
    ///
    /// # Errors
    /// If the database or a journal cannot be read.
    pub fn ledger_entries(&self, limit: u32) -> Result<Vec<LedgerEntry>> {
        let policy = self.policy()?;
        let LiveEntries {
            connection,
            entries,
        } = self.live_entries()?;
        let mut newest = attempts::read_newest(&connection, limit)?;
        newest.extend(entries);
        newest.sort_by_key(|(intent, _)| {
            std::cmp::Reverse((intent.started_at, intent.number, intent.attempt))
        });
        newest.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(newest
            .into_iter()
            .map(|attempt| named(&policy, attempt))
            .collect())
    }

    /// Reads the time of the last lease of each profile.
    ///
    /// # Errors
    /// If the database or a journal cannot be read.
    pub fn last_used(&self) -> Result<Vec<(ProfileId, Timestamp)>> {
        let LiveEntries {
            connection,
            entries,
        } = self.live_entries()?;
        let mut statement =
            connection.prepare("SELECT id, at FROM last_use WHERE kind = 'profile'")?;
        let rows = statement.query_map([], |row| {
            Ok((ProfileId(uuid(row, "id")?), timestamp(row, "at")?))
        })?;
        let mut last: std::collections::BTreeMap<_, _> = rows.collect::<rusqlite::Result<_>>()?;
        let open = attempts::read_open(&connection)?;
        let open = open.into_iter().map(|(_, intent)| intent);
        for intent in open.chain(entries.into_iter().map(|(intent, _)| intent)) {
            let at = last.entry(intent.profile).or_insert(intent.started_at);
            *at = intent.started_at.max(*at);
        }
        Ok(last.into_iter().collect())
    }

    /// Reads the entry of one attempt, or returns `None` if there is none with this id.
    ///
    /// # Errors
    /// If the database or a journal cannot be read.
    pub fn ledger_entry(&self, id: AttemptId) -> Result<Option<LedgerEntry>> {
        let policy = self.policy()?;
        let LiveEntries {
            connection,
            entries,
        } = self.live_entries()?;
        let live = entries.into_iter().find(|(intent, _)| intent.attempt == id);
        let found = match live {
            Some(live) => Some(live),
            None => attempts::find(&connection, id, id.started_at())?,
        };
        Ok(found.map(|attempt| named(&policy, attempt)))
    }

    /// Reads the entries of all journals that are not in the database, on a connection that shows no later ones.
    pub(crate) fn live_entries(&self) -> Result<LiveEntries> {
        live::read(self.dir())
    }
}

/// Adds the names of its key and profile to an entry.
fn named(policy: &Policy, (intent, outcome): Attempt) -> LedgerEntry {
    LedgerEntry {
        key_name: policy.key_name(intent.key).map(str::to_owned),
        profile_name: policy.profile_name(intent.profile).map(str::to_owned),
        intent,
        outcome,
    }
}

//! What one sandbox remembers between requests: scripts, what it has seen, cached prefixes, a counter.
//!
//! Each part has its own lock, held for one step and never across an `await`; all are bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::cache::Cache;
use crate::models::Models;
use crate::oauth::Used;
use crate::script::Scripts;
use crate::seen::Ring;
use crate::server::Clock;

/// One sandbox's memory.
pub(crate) struct State {
    now: Clock,
    counter: AtomicU64,
    /// The models it serves.
    pub(crate) models: Models,
    scripts: Mutex<Scripts>,
    seen: Mutex<Ring>,
    cache: Mutex<Cache>,
    used: Mutex<Used>,
}

impl State {
    /// Starts with nothing remembered.
    pub(crate) fn new(now: Clock) -> Self {
        Self {
            now,
            counter: AtomicU64::new(0),
            models: Models::of_the_price_table(),
            scripts: Mutex::default(),
            seen: Mutex::default(),
            cache: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// The time, as whoever started the sandbox tells it.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Makes the mark of the next answer.
    pub(crate) fn mark(&self, body: &blake3::Hash) -> Mark {
        Mark::new(body, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// The scripts that make keys misbehave.
    pub(crate) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests that came.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Ring> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The refresh tokens that were used.
    pub(crate) fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prompt prefixes that count as cached.
    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mark of one answer: its ids are read off it, so that the same requests in the same order get the same ids.
#[derive(Clone, Copy)]
pub(crate) struct Mark(blake3::Hash);

impl Mark {
    /// The mark of the answer to this body, after so many answers.
    pub(crate) fn new(body: &blake3::Hash, before: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(body.as_bytes()).update(&before.to_le_bytes());
        Self(hasher.finalize())
    }

    /// The id of the request.
    pub(crate) fn request_id(self) -> String {
        self.id("req_011C")
    }

    /// An id of 22 base-62 characters behind a prefix such as `msg_01`, as the API's own look.
    pub(crate) fn id(self, prefix: &str) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let hash = blake3::keyed_hash(self.0.as_bytes(), prefix.as_bytes());
        let digits = hash.as_bytes()[..22]
            .iter()
            .map(|byte| DIGITS[usize::from(*byte) % 62]);
        prefix.chars().chain(digits.map(char::from)).collect()
    }
}

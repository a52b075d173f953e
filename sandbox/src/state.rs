//! State of one sandbox between requests: scripts, recorded requests, cached prefixes, a counter.
//!
//! Each part has its own lock, never held across an `await`. All parts are bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::models::Models;
use crate::oauth::UsedRefreshTokens;
use crate::prompt_cache::PromptCache;
use crate::recorded_requests::RequestLog;
use crate::response::ResponseIds;
use crate::script::Scripts;

/// Returns the current time. The sandbox never reads the machine's clock itself.
pub type NowFn = fn() -> Timestamp;

/// The state of one sandbox.
pub(crate) struct SandboxState {
    now: NowFn,
    counter: AtomicU64,
    /// Models that it serves.
    pub(crate) models: Models,
    scripts: Mutex<Scripts>,
    requests: Mutex<RequestLog>,
    cache: Mutex<PromptCache>,
    used_refresh_tokens: Mutex<UsedRefreshTokens>,
}

impl SandboxState {
    /// Returns an empty state.
    pub(crate) fn new(now: NowFn) -> Self {
        Self {
            now,
            counter: AtomicU64::new(0),
            models: Models::from_price_table(),
            scripts: Mutex::default(),
            requests: Mutex::default(),
            cache: Mutex::default(),
            used_refresh_tokens: Mutex::default(),
        }
    }

    /// Returns the time of the clock in the settings.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Returns the ids of the next response.
    pub(crate) fn next_response_ids(&self, body: &blake3::Hash) -> ResponseIds {
        ResponseIds::new(body, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Locks the scripts.
    pub(crate) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the recorded requests.
    pub(crate) fn requests(&self) -> MutexGuard<'_, RequestLog> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the used refresh tokens.
    pub(crate) fn used_refresh_tokens(&self) -> MutexGuard<'_, UsedRefreshTokens> {
        self.used_refresh_tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the prompt cache.
    pub(crate) fn cache(&self) -> MutexGuard<'_, PromptCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

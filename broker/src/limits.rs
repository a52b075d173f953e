//! Records reported limits: buffers them in memory and flushes them to the store in batches.
//!
//! Invariants: no response waits for it; an owner's limits are written at once if nothing was written within
//! [`FLUSH_INTERVAL`] or a window's state has changed, else in a batch within [`FLUSH_INTERVAL`]; of the per-minute
//! figures, which every response reports anew, only the last ones of a batch are parsed; buffered limits are flushed
//! before the broker shuts down. Everything is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use keyreeve_core::health::RequestClass;
use keyreeve_core::limits::{self, Limit, LimitKind, LimitObservation, LimitOwner, LimitState};
use keyreeve_os::system;
use keyreeve_store::Store;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// Maximum time that limits stay buffered.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of buffered limits per owner, because clients choose the model names.
const MAX_BUFFERED: usize = 64;
/// Maximum number of owners with buffered limits.
const MAX_OWNERS: usize = 1024;

/// The kind of limits that a response reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReportedKind {
    /// Those of a plan login, which no other credential gets.
    Plan,
    /// Per-minute limits, or none.
    PerMinute,
}

/// Headers of a response that report per-minute limits.
struct LimitHeaders {
    received_at: Timestamp,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl LimitHeaders {
    fn new(headers: &HeaderMap) -> Self {
        let limits = headers
            .iter()
            .filter(|(name, _)| limits::is_limit_header(name.as_str()));
        Self {
            received_at: system::now(),
            headers: limits
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    fn is_plan(&self) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name.as_str());
        names.any(limits::is_plan_header)
    }

    /// Parses the limits. A value that is not text is ignored.
    fn parse(&self) -> Vec<Limit> {
        let headers = self.headers.iter();
        let text = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        limits::read_headers(text, self.received_at).limits
    }
}

/// Buffer of reported limits, in front of the store.
pub(crate) struct LimitRecorder {
    store: Arc<Store>,
    buffer: Arc<Mutex<Buffer>>,
}

#[derive(Default)]
struct Buffer {
    owners: HashMap<LimitOwner, OwnerBuffer>,
    /// The task that flushes the buffer after [`FLUSH_INTERVAL`].
    flush_task: Option<AbortHandle>,
}

#[derive(Default)]
struct OwnerBuffer {
    /// The headers of the last response to each class of requests that reported per-minute limits only.
    unparsed: HashMap<Option<RequestClass>, LimitHeaders>,
    buffered: HashMap<(Option<RequestClass>, LimitKind), LimitObservation>,
    /// The last state of each plan window.
    states: HashMap<LimitKind, Option<LimitState>>,
    written: Option<Instant>,
}

impl LimitRecorder {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            buffer: Arc::default(),
        }
    }

    /// Records the limits in the headers of a response to a request of `class`, and returns their kind.
    pub(crate) fn record_headers(
        &self,
        owner: &LimitOwner,
        class: Option<&RequestClass>,
        headers: &HeaderMap,
    ) -> ReportedKind {
        let headers = LimitHeaders::new(headers);
        if headers.is_plan() {
            let observations = LimitObservation::from_limits(owner, class, headers.parse());
            self.buffer(owner, |buffer, now| {
                // These are newer.
                buffer.unparsed.remove(&class.cloned());
                buffer.insert(observations, now)
            });
            return ReportedKind::Plan;
        }
        if !headers.headers.is_empty() {
            self.buffer(owner, |buffer, now| {
                buffer.insert_unparsed(class, headers, now)
            });
        }
        ReportedKind::PerMinute
    }

    /// Records limits that were reported for an owner, in a response to a request of `class`.
    pub(crate) fn record(
        &self,
        owner: &LimitOwner,
        class: Option<&RequestClass>,
        limits: Vec<Limit>,
    ) {
        if limits.is_empty() {
            return;
        }
        let observations = LimitObservation::from_limits(owner, class, limits);
        self.buffer(owner, |buffer, now| buffer.insert(observations, now));
    }

    /// Buffers limits of an owner, and writes all of its buffered limits if `insert` returns `true`.
    fn buffer(&self, owner: &LimitOwner, insert: impl FnOnce(&mut OwnerBuffer, Instant) -> bool) {
        let mut buffer = lock(&self.buffer);
        if buffer.owners.len() >= MAX_OWNERS && !buffer.owners.contains_key(owner) {
            let buffered = buffer.take_all();
            buffer.owners.clear();
            self.store.queue_limits(buffered);
        }
        let owner_buffer = buffer.owners.entry(owner.clone()).or_default();
        let now = Instant::now();
        if insert(owner_buffer, now) {
            let buffered = owner_buffer.take(owner, now);
            drop(buffer);
            self.store.queue_limits(buffered);
        } else if buffer.flush_task.is_none() {
            buffer.flush_task = self.start_flush_task();
        }
    }

    /// Flushes all buffered limits to the store.
    pub(crate) fn flush(&self) {
        let mut buffer = lock(&self.buffer);
        if let Some(flush_task) = buffer.flush_task.take() {
            flush_task.abort();
        }
        let buffered = buffer.take_all();
        drop(buffer);
        self.store.queue_limits(buffered);
    }

    /// Starts a task that flushes after [`FLUSH_INTERVAL`]. Returns `None` outside a runtime, where only
    /// [`LimitRecorder::flush`] writes.
    fn start_flush_task(&self) -> Option<AbortHandle> {
        let (store, buffer) = (Arc::downgrade(&self.store), Arc::downgrade(&self.buffer));
        let task = Handle::try_current().ok()?.spawn(async move {
            sleep(FLUSH_INTERVAL).await;
            flush_if_alive(&store, &buffer);
        });
        Some(task.abort_handle())
    }
}

/// Flushes the buffer unless it or the store was dropped in the meantime.
fn flush_if_alive(store: &Weak<Store>, buffer: &Weak<Mutex<Buffer>>) {
    if let (Some(store), Some(buffer)) = (store.upgrade(), buffer.upgrade()) {
        let mut buffer = lock(&buffer);
        buffer.flush_task = None;
        let buffered = buffer.take_all();
        drop(buffer);
        store.queue_limits(buffered);
    }
}

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    // At worst, a panic loses a figure that the next response reports again.
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Buffer {
    fn take_all(&mut self) -> Vec<LimitObservation> {
        let now = Instant::now();
        let all = self.owners.iter_mut();
        all.flat_map(|(owner, owner_buffer)| owner_buffer.take(owner, now))
            .collect()
    }
}

impl OwnerBuffer {
    /// Buffers observations. Returns `true` if they must be written now.
    fn insert(&mut self, observations: Vec<LimitObservation>, now: Instant) -> bool {
        let mut has_changed = false;
        for observation in observations {
            if self.states.len() >= MAX_BUFFERED {
                self.states.clear();
            }
            let Limit { kind, state, .. } = &observation.limit;
            if !kind.is_per_class() {
                let before = self.states.insert(kind.clone(), state.clone());
                has_changed |= before.as_ref() != Some(state);
            }
            self.buffered
                .insert((observation.class.clone(), kind.clone()), observation);
        }
        has_changed || self.is_due(now) || self.buffered.len() >= MAX_BUFFERED
    }

    /// Buffers headers in place of earlier ones. Returns `true` if they must be written now.
    fn insert_unparsed(
        &mut self,
        class: Option<&RequestClass>,
        headers: LimitHeaders,
        now: Instant,
    ) -> bool {
        self.unparsed.insert(class.cloned(), headers);
        self.is_due(now) || self.unparsed.len() >= MAX_BUFFERED
    }

    fn is_due(&self, now: Instant) -> bool {
        self.written
            .is_none_or(|written| now.duration_since(written) >= FLUSH_INTERVAL)
    }

    fn take(&mut self, owner: &LimitOwner, now: Instant) -> Vec<LimitObservation> {
        for (class, headers) in std::mem::take(&mut self.unparsed) {
            let limits = headers.parse();
            let observations = LimitObservation::from_limits(owner, class.as_ref(), limits);
            self.insert(observations, now);
        }
        if !self.buffered.is_empty() {
            self.written = Some(now);
        }
        self.buffered
            .drain()
            .map(|(_, observation)| observation)
            .collect()
    }
}

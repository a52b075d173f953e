//! The limits that answers told: gathered in memory, and written now and then.
//!
//! Invariants: no answer waits for it; what a subject was told is written at once where nothing was written within
//! [`RIDE`] or a window's state has changed, else within [`RIDE`], together; what waits is written before the broker has
//! settled. All of it is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::HeaderMap;
use keyreeve_core::limits::{self, Limit, Seen, State, Subject, Told, Which};
use keyreeve_core::standing::RequestClass;
use keyreeve_os::world;
use keyreeve_store::Store;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How long limits wait for company.
const RIDE: Duration = Duration::from_secs(1);
/// More limits of one subject do not wait: which models there are is what clients say.
const MOST_WAITING: usize = 64;
/// More subjects are not told apart.
const MOST_SUBJECTS: usize = 1024;

/// Reads the limits that an answer's headers tell; a value that is no text tells nothing, its name may.
pub fn limits_told(headers: &HeaderMap) -> Told {
    let text = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    limits::read(text, world::now())
}

/// What was told, and where it is written.
pub(crate) struct Limits {
    store: Arc<Store>,
    gathered: Arc<Mutex<Gathered>>,
}

#[derive(Default)]
struct Gathered {
    subjects: HashMap<Subject, OfSubject>,
    /// Whoever writes what waits, when its time has come.
    ride: Option<AbortHandle>,
}

#[derive(Default)]
struct OfSubject {
    waiting: HashMap<(Option<RequestClass>, Which), Seen>,
    /// How its windows stood last.
    states: HashMap<Which, Option<State>>,
    written: Option<Instant>,
}

impl Limits {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            gathered: Arc::default(),
        }
    }

    /// Takes in what an answer to a request of `class` told about a subject.
    pub(crate) fn see(&self, subject: &Subject, class: Option<&RequestClass>, limits: Vec<Limit>) {
        if limits.is_empty() {
            return;
        }
        let seen = Seen::all(subject, class, limits);
        let mut gathered = self.lock();
        if gathered.subjects.len() >= MOST_SUBJECTS && !gathered.subjects.contains_key(subject) {
            let waiting = gathered.take_all();
            gathered.subjects.clear();
            self.store.queue_limits(waiting);
        }
        let own = gathered.subjects.entry(subject.clone()).or_default();
        let now = Instant::now();
        if own.take_in(seen, now) {
            let waiting = own.take_out(now);
            drop(gathered);
            self.store.queue_limits(waiting);
        } else if gathered.ride.is_none() {
            gathered.ride = self.start_ride();
        }
    }

    /// Writes what waits.
    pub(crate) fn settle(&self) {
        let mut gathered = self.lock();
        if let Some(ride) = gathered.ride.take() {
            ride.abort();
        }
        let waiting = gathered.take_all();
        drop(gathered);
        self.store.queue_limits(waiting);
    }

    /// Writes what waits after a while; none where there is no runtime to wait in, and [`Limits::settle`] does it.
    fn start_ride(&self) -> Option<AbortHandle> {
        let (store, gathered) = (Arc::downgrade(&self.store), Arc::downgrade(&self.gathered));
        let task = Handle::try_current().ok()?.spawn(async move {
            sleep(RIDE).await;
            arrive(&store, &gathered);
        });
        Some(task.abort_handle())
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        lock(&self.gathered)
    }
}

/// Neither the store nor what was gathered is kept alive for the sake of a ride.
fn arrive(store: &Weak<Store>, gathered: &Weak<Mutex<Gathered>>) {
    if let (Some(store), Some(gathered)) = (store.upgrade(), gathered.upgrade()) {
        let mut gathered = lock(&gathered);
        gathered.ride = None;
        let waiting = gathered.take_all();
        drop(gathered);
        store.queue_limits(waiting);
    }
}

fn lock(gathered: &Mutex<Gathered>) -> MutexGuard<'_, Gathered> {
    // What a panic leaves is at the worst a figure that the next answer tells again.
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gathered {
    fn take_all(&mut self) -> Vec<Seen> {
        let now = Instant::now();
        let all = self.subjects.values_mut();
        all.flat_map(|own| own.take_out(now)).collect()
    }
}

impl OfSubject {
    /// Takes in what was seen, and says whether it is time to write.
    fn take_in(&mut self, seen: Vec<Seen>, now: Instant) -> bool {
        let mut turned = false;
        for one in seen {
            if self.states.len() >= MOST_WAITING {
                self.states.clear();
            }
            let Limit { which, state, .. } = &one.limit;
            if !which.is_per_class() {
                let before = self.states.insert(which.clone(), state.clone());
                turned |= before.as_ref() != Some(state);
            }
            self.waiting.insert((one.class.clone(), which.clone()), one);
        }
        let is_due = self
            .written
            .is_none_or(|written| now.duration_since(written) >= RIDE);
        turned || is_due || self.waiting.len() >= MOST_WAITING
    }

    fn take_out(&mut self, now: Instant) -> Vec<Seen> {
        if !self.waiting.is_empty() {
            self.written = Some(now);
        }
        self.waiting.drain().map(|(_, seen)| seen).collect()
    }
}

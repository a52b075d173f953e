//! A reason for which a serving process refuses new work until it passes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::mutex::lock;

/// A reason that one thread sets and clears, and others check before each request.
pub(crate) struct Fault<T> {
    /// Checked first: usually there is none.
    is_set: AtomicBool,
    reason: Mutex<Option<T>>,
}

impl<T> Default for Fault<T> {
    fn default() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            reason: Mutex::new(None),
        }
    }
}

impl<T: Clone> Fault<T> {
    /// Sets or clears the reason.
    pub(crate) fn set(&self, reason: Option<T>) {
        let is_set = reason.is_some();
        *lock(&self.reason) = reason;
        self.is_set.store(is_set, Ordering::Release);
    }

    /// Returns the reason, if there is one.
    pub(crate) fn get(&self) -> Option<T> {
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.reason).clone()
    }
}

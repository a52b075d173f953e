//! Locking a mutex whose value stays consistent whatever happens.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. No code of the store panics while holding a lock; even then the value would be consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

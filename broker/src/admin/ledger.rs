//! Queries of the ledger: the newest requests or attempts, and sums of usage.

use keyreeve_core::select::MAX_ATTEMPTS;
use keyreeve_store::{Store, UsageQuery};

use super::AdminError;
use crate::wire::{AttemptView, AttemptsView, RequestsView, UsageView};

/// Returns the newest requests, at most `limit`.
///
/// # Errors
/// [`AdminError::Store`].
pub fn newest_requests(store: &Store, limit: u32) -> Result<RequestsView, AdminError> {
    let entries = store.ledger_entries(limit.saturating_mul(MAX_ATTEMPTS))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(RequestsView::from_entries(&entries, limit))
}

/// Returns the newest attempts, at most `limit`.
///
/// # Errors
/// [`AdminError::Store`].
pub fn newest_attempts(store: &Store, limit: u32) -> Result<AttemptsView, AdminError> {
    let entries = store.ledger_entries(limit)?;
    Ok(AttemptsView {
        attempts: entries.iter().map(AttemptView::from).collect(),
    })
}

/// Sums up the ledger.
///
/// # Errors
/// [`AdminError::Store`].
pub fn usage(store: &Store, query: &UsageQuery) -> Result<UsageView, AdminError> {
    Ok(UsageView::new(query, &store.usage(query)?))
}

//! Chooses the profile that pays for the next attempt at a virtual key's request.
//!
//! Invariants: only profiles named by the key are chosen; a plan login is never used behind a virtual key
//! (docs/facts.md#terms); a key uses the billing class that its first profile had when the key was created, and others
//! only if it allows them; no request is refused while an allowed profile is ready; a profile that refused a request is
//! retried only after its limit is over or with a refreshed secret. `docs/health.md` describes the order.

mod choose;
mod conversation;
mod no_profile;
mod retry;
mod selection;

pub use choose::{SelectionInput, choose};
pub use conversation::{
    AFFINITY_TTL, CacheBenefit, Conversation, MIN_CACHEABLE_BYTES, PinnedConversations,
};
pub use no_profile::{ExcludedProfiles, NoProfileError};
pub use retry::{FailedAttempt, MAX_ATTEMPTS, RetryWith};
pub use selection::{LeaseMode, PinUpdate, Reason, SelectedProfile, Selection};

//! Which headers leave, which one credential comes, and what becomes of the client's beta list: decisions, no bytes.
//!
//! Invariants: a plan login is never injected; nothing of the client's own credentials travels on; `anthropic-version`
//! is in no edit; headers and beta values that nobody here knows pass, since both sets are open and change each month.

mod beta;
mod decide;
mod headers;

pub use beta::{BetaEdit, BetaLines, OAUTH_BETA, edit_beta};
pub use decide::{Facing, Injection, Refusal, decide};
pub use headers::{Fate, answer_header, named_by_connection, request_header};

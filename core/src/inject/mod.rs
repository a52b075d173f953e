//! Credential injection: which headers pass, which header carries the credential, and how the beta list is edited.
//!
//! Invariants: a plan login is never injected; the client's own credentials are never forwarded; `anthropic-version` is
//! never edited; unknown headers and beta values pass, since both sets are open and change each month.

mod beta;
mod decide;
mod headers;

pub use beta::{BetaEdit, BetaLines, OAUTH_BETA, edit_beta};
pub use decide::{InjectError, Injection, UpstreamKind, decide};
pub use headers::{HeaderAction, connection_headers, request_header, response_header};

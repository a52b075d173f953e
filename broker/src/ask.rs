//! What is asked for, as the ledger and the choice of a profile need to know it.

use keyreeve_core::select::Conversation;
use keyreeve_store::{Operation, RequestId};

/// What is asked for: everything the ledger's intent needs to know about a request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The client's request.
    pub request: RequestId,
    /// Which API.
    pub operation: Operation,
    /// The client's session, where it names one.
    pub session: Option<String>,
    /// The conversation that it goes on with; none: nothing names it, or nobody else will ask for it.
    pub conversation: Option<Conversation>,
    /// The model asked for.
    pub model: Option<String>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The output limit asked for, in tokens.
    pub max_tokens: Option<u64>,
    /// BLAKE3 of the request body.
    pub body_hash: [u8; 32],
    /// Length of the request body in bytes.
    pub body_bytes: usize,
}

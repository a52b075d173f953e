//! A lease request: the properties of a client request that profile selection and the ledger need.

use keyreeve_core::select::Conversation;
use keyreeve_store::{Operation, RequestId};

/// A request for a lease, with everything the ledger's intent records.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// Id of the client's request.
    pub request_id: RequestId,
    /// The requested API operation.
    pub operation: Operation,
    /// The client's session, if it names one.
    pub session: Option<String>,
    /// The conversation that the request continues; `None` if it names none or will not be continued.
    pub conversation: Option<Conversation>,
    /// The requested model.
    pub model: Option<String>,
    /// `true` if a stream is requested.
    pub stream: bool,
    /// The requested output limit in tokens.
    pub max_tokens: Option<u64>,
    /// BLAKE3 of the request body.
    pub body_hash: [u8; 32],
    /// Length of the request body in bytes.
    pub body_bytes: usize,
}

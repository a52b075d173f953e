//! A lease request: the properties of a client request that profile selection and the ledger need, and the error if no
//! lease is granted.

use keyreeve_core::inject;
use keyreeve_core::select::{Conversation, NoProfileError};
use keyreeve_store::{Operation, RequestId};

use crate::AuthenticateError;
use crate::sources::SourceError;

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

/// Error for a lease that is not granted.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The key is no longer valid.
    #[error("the virtual key is no longer valid")]
    Authenticate(#[from] AuthenticateError),
    /// No profile of the key can serve the request.
    #[error("no profile of this key can serve the request")]
    NoProfile(#[from] NoProfileError),
    /// The profile's secret cannot be obtained.
    #[error("cannot obtain the secret of profile `{profile}`")]
    Source {
        /// The profile's name.
        profile: String,
        /// The cause.
        #[source]
        source: SourceError,
    },
    /// A rule forbids this use of the profile's credential.
    #[error("the credential of profile `{profile}` must not be used here")]
    Inject {
        /// The profile's name.
        profile: String,
        /// The rule.
        #[source]
        source: inject::InjectError,
    },
    /// A response showed the profile to be a plan login (`docs/responses/plan_behind_key.md`).
    #[error(
        "responses show that profile `{profile}` is a plan login, which only Claude Code may use"
    )]
    PlanDetected {
        /// The profile's name.
        profile: String,
    },
    /// The intent cannot be written: nothing is sent without a record.
    #[error("cannot write the ledger")]
    Ledger(#[source] keyreeve_store::StoreError),
    /// The ledger is closed because keyreeve is shutting down.
    #[error("the ledger is closed: keyreeve is shutting down")]
    LedgerClosed,
    /// The system returned no random bytes for an id.
    #[error("cannot read random bytes from the system")]
    Randomness,
}

//! Classifies a response: passes its status, headers and buffered body to core's verdict rules.
//!
//! Invariants: the response is only read. An error is classified by its whole body or, if that is too long or too slow,
//! by the buffered part of it, and otherwise by its headers and status.

use keyreeve_broker::classify_response;
use keyreeve_core::verdict::Verdict;

use crate::attempt::{ForwardError, ResponseKind, UpstreamResponse};

/// Returns the verdict on the credential for the start of a response.
pub(crate) fn classify(result: &Result<UpstreamResponse, ForwardError>) -> Verdict {
    match result {
        Ok(response) => match &response.prefix.kind {
            ResponseKind::StreamedError { kind, message } => {
                Verdict::from_stream_end(false, Some(kind), message.as_deref())
            }
            ResponseKind::Content | ResponseKind::Error if response.head.status.is_success() => {
                Verdict::ok()
            }
            ResponseKind::Content | ResponseKind::Error => error_verdict(response),
        },
        Err(ForwardError::Redirect(status)) => Verdict::from_status(*status),
        Err(_) => Verdict::no_response(),
    }
}

fn error_verdict(response: &UpstreamResponse) -> Verdict {
    let body = response.prefix.bytes.as_deref().unwrap_or_default();
    classify_response(response.head.status.as_u16(), &response.head.headers, body)
}

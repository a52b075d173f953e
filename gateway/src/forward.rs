//! Sends a request to its origin and buffers the start of the response.
//!
//! Invariants: a redirect is neither followed nor passed on; the head of a response is held until the start of its body
//! has arrived, so that a response that fails at once has not begun for the client and can still be retried.

use keyreeve_broker::AttemptResult;
use keyreeve_broker::upstream::Upstream;

use crate::attempt::{ForwardError, OutgoingRequest, ResponseKind, UpstreamResponse};
use crate::prefix::buffer_prefix;

/// Sends the request and waits for the start of the response. Returns the error of a request that could not be built.
pub(crate) async fn forward(
    upstream: &Upstream,
    outgoing: Result<OutgoingRequest, ForwardError>,
) -> Result<UpstreamResponse, ForwardError> {
    let outgoing = outgoing?;
    let response = upstream.send(outgoing.request).await?;
    let (head, mut rest) = response.into_parts();
    if head.status.is_redirection() {
        return Err(ForwardError::Redirect(head.status.as_u16()));
    }
    let idle_timeout = upstream.timeouts().idle;
    let prefix = buffer_prefix(&head, &mut rest, idle_timeout).await?;
    Ok(UpstreamResponse {
        head,
        prefix,
        rest,
        idle_timeout,
        redactor: outgoing.redactor,
    })
}

/// Returns the result of an attempt for the retry decision. A request whose response may have been produced, and so
/// billed, is not retried.
pub(crate) fn attempt_result(result: &Result<UpstreamResponse, ForwardError>) -> AttemptResult {
    match result {
        Ok(response) => match response.prefix.kind {
            ResponseKind::Error | ResponseKind::StreamedError { .. } => {
                AttemptResult::Error(response.head.status.as_u16())
            }
            ResponseKind::Content => AttemptResult::MayHaveProduced,
        },
        Err(ForwardError::Unreachable(_)) => AttemptResult::NoConnection,
        Err(
            ForwardError::Broken(_)
            | ForwardError::TimedOut(_)
            | ForwardError::NoBody
            | ForwardError::Redirect(_)
            | ForwardError::InvalidUrl
            | ForwardError::Credential(_),
        ) => AttemptResult::MayHaveProduced,
    }
}

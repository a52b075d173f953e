//! Builds the request that goes upstream, with the leased credential in place of the client's.
//!
//! Invariants: body, query and every header that is not ours to set are forwarded unchanged, in order; credentials and
//! hop-by-hop headers are dropped; `anthropic-version` is never changed; the only edits are the one OAuth value of
//! `anthropic-beta` ([`keyreeve_core::inject`]) and, if a cache lifetime is configured, the `ttl` of cache markers
//! ([`keyreeve_core::cache_ttl`]), never with an OAuth token.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use keyreeve_broker::{HeaderValueError, Lease};
use keyreeve_core::cache_ttl::{self, TtlEdit, TtlOutcome, TtlSkipReason};
use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{
    BetaLines, HeaderAction, connection_headers, edit_beta, request_header,
};
use keyreeve_core::token::Family;

use crate::forward::ForwardError;
use crate::redact::Redactor;
use crate::request::ClientRequest;

/// A request ready to be sent, and the redactor of its credential for the response.
pub(crate) struct OutgoingRequest {
    pub(crate) request: Request<Full<Bytes>>,
    pub(crate) redactor: Redactor,
}

/// Builds the upstream request.
///
/// # Errors
/// [`ForwardError::Credential`] or [`ForwardError::InvalidUrl`].
pub(crate) fn inject(
    request: &ClientRequest,
    lease: &mut Lease,
    credential: &Credential,
) -> Result<OutgoingRequest, ForwardError> {
    let mut headers = forwarded_headers(&request.headers, request_header);
    edit_beta_header(&mut headers, lease.injection.beta);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );

    let origin = lease.profile.base_url.origin();
    let secret = credential
        .expose_for(origin)
        .map_err(|_| HeaderValueError::WrongOrigin)?;
    let (name, value) = lease.header(credential)?;
    headers.insert(name, value);

    let body = body_with_cache_ttl(request, lease, credential.family());
    let mut outgoing = Request::new(Full::new(body));
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = upstream_url(request, &format!("{}/v1", lease.profile.base_url))?;
    *outgoing.headers_mut() = headers;
    Ok(OutgoingRequest {
        request: outgoing,
        redactor: Redactor::new(secret),
    })
}

/// Returns the client's body, with the cache lifetime edited if one is set. Records the edit for the ledger.
fn body_with_cache_ttl(request: &ClientRequest, lease: &mut Lease, token: Family) -> Bytes {
    let Some(ttl) = request.cache_ttl else {
        return request.body.clone();
    };
    let edit = if cache_ttl::can_edit(token) {
        cache_ttl::apply_ttl(&request.body, ttl)
    } else {
        TtlEdit::Skipped(TtlSkipReason::Oauth)
    };
    let (outcome, body) = match edit {
        TtlEdit::Unchanged => (TtlOutcome::Set(ttl, 0), request.body.clone()),
        TtlEdit::Edited { body, markers } => (TtlOutcome::Set(ttl, markers), body.into()),
        TtlEdit::Skipped(reason) => (TtlOutcome::Skipped(reason), request.body.clone()),
    };
    lease.record_cache_edit(outcome);
    body
}

/// Returns the client's headers that are forwarded: those that `action` passes and `Connection` does not name.
pub(crate) fn forwarded_headers(
    client: &HeaderMap,
    action: impl Fn(&str) -> HeaderAction,
) -> HeaderMap {
    let mut hop_by_hop = Vec::new();
    for value in client.get_all(header::CONNECTION) {
        hop_by_hop.extend(connection_headers(value.to_str().unwrap_or_default()));
    }
    let is_forwarded = |name: &HeaderName| {
        action(name.as_str()) == HeaderAction::Pass
            && !hop_by_hop
                .iter()
                .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let mut headers = HeaderMap::with_capacity(client.len() + 2);
    for (name, value) in client.iter().filter(|(name, _)| is_forwarded(name)) {
        headers.append(name, value.clone());
    }
    headers
}

fn edit_beta_header(headers: &mut HeaderMap, edit: keyreeve_core::inject::BetaEdit) {
    let name = HeaderName::from_static("anthropic-beta");
    let Ok(lines) = headers
        .get_all(&name)
        .iter()
        .map(HeaderValue::to_str)
        .collect::<Result<Vec<_>, _>>()
    else {
        // Not text, so it cannot contain the value we would edit. The upstream validates it.
        return;
    };
    match edit_beta(&lines, edit) {
        BetaLines::Unchanged => {}
        BetaLines::Removed => {
            headers.remove(&name);
        }
        BetaLines::Replaced(line) => {
            // Built from valid header values and a constant.
            if let Ok(value) = HeaderValue::from_str(&line) {
                headers.insert(name, value);
            }
        }
    }
}

/// Returns the upstream URL: the client's path and query below a base URL.
pub(crate) fn upstream_url(request: &ClientRequest, base: &str) -> Result<Uri, ForwardError> {
    let query = request
        .query
        .as_ref()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    format!("{base}{}{query}", request.path)
        .parse()
        .map_err(|_| ForwardError::InvalidUrl)
}

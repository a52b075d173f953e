//! Its header, nothing else: the request that goes upstream, with the leased credential in place of the client's.
//!
//! Invariants: body, query and every header that is not ours to set pass as they came, in their order; `anthropic-version`
//! is never touched; the only edits are the one OAuth value of `anthropic-beta` ([`keyreeve_core::inject`]) and, where a
//! lifetime was asked for, the `ttl` of cache markers ([`keyreeve_core::cache_ttl`]), never with an OAuth token.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use keyreeve_broker::Lease;
use keyreeve_core::cache_ttl::{self, Applied, Edit, Left};
use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{BetaLines, Fate, edit_beta, named_by_connection, request_header};
use keyreeve_core::token::Family;

use crate::forward::Failed;
use crate::mask::Mask;
use crate::replay::Asked;

/// A request on its way, and what must not come back.
pub(crate) struct Outgoing {
    pub(crate) request: Request<Full<Bytes>>,
    pub(crate) mask: Mask,
}

/// Builds the upstream request.
///
/// # Errors
/// When the credential cannot stand in a header, or the profile's address cannot be joined with the path.
pub(crate) fn inject(
    asked: &Asked,
    lease: &mut Lease,
    credential: &Credential,
) -> Result<Outgoing, Failed> {
    let mut headers = passing(&asked.headers, request_header);
    set_beta(&mut headers, lease.injection.beta);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );

    let origin = lease.profile.base_url.origin();
    let secret = credential
        .expose_for(origin)
        .map_err(|_| Failed::Unsendable)?;
    let (name, value) = lease.header(credential).map_err(|_| Failed::Unsendable)?;
    headers.insert(name, value);

    let mut request = Request::new(Full::new(body(asked, lease, credential.family())));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = url(asked, &format!("{}/v1", lease.profile.base_url))?;
    *request.headers_mut() = headers;
    Ok(Outgoing {
        request,
        mask: Mask::new(secret),
    })
}

/// The client's body, with another lifetime in its cache markers where that was asked for. What was done is noted.
fn body(asked: &Asked, lease: &mut Lease, token: Family) -> Bytes {
    let Some(ttl) = asked.cache_ttl else {
        return asked.body.clone();
    };
    let edit = if cache_ttl::concerns(token) {
        cache_ttl::edit(&asked.body, ttl)
    } else {
        Edit::Left(Left::Oauth)
    };
    let (applied, body) = match edit {
        Edit::Nothing => (Applied::Set(ttl, 0), asked.body.clone()),
        Edit::Edited { body, markers } => (Applied::Set(ttl, markers), body.into()),
        Edit::Left(left) => (Applied::Left(left), asked.body.clone()),
    };
    lease.edited(applied);
    body
}

/// The client's headers that travel on, as `fate` decides and `Connection` wishes.
pub(crate) fn passing(came: &HeaderMap, fate: impl Fn(&str) -> Fate) -> HeaderMap {
    let mut named = Vec::new();
    for value in came.get_all(header::CONNECTION) {
        named.extend(named_by_connection(value.to_str().unwrap_or_default()));
    }
    let passes = |name: &HeaderName| {
        fate(name.as_str()) == Fate::Pass
            && !named
                .iter()
                .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let mut headers = HeaderMap::with_capacity(came.len() + 2);
    for (name, value) in came.iter().filter(|(name, _)| passes(name)) {
        headers.append(name, value.clone());
    }
    headers
}

fn set_beta(headers: &mut HeaderMap, edit: keyreeve_core::inject::BetaEdit) {
    let name = HeaderName::from_static("anthropic-beta");
    let Ok(lines) = headers
        .get_all(&name)
        .iter()
        .map(HeaderValue::to_str)
        .collect::<Result<Vec<_>, _>>()
    else {
        // Not text: whatever it is, the value we would edit is not in it. The upstream judges it.
        return;
    };
    match edit_beta(&lines, edit) {
        BetaLines::Unchanged => {}
        BetaLines::Gone => {
            headers.remove(&name);
        }
        BetaLines::Replaced(line) => {
            // Made of values that were legal in a header and of a constant.
            if let Ok(value) = HeaderValue::from_str(&line) {
                headers.insert(name, value);
            }
        }
    }
}

/// Where a request goes: the path and the query that were asked for, below a base.
pub(crate) fn url(asked: &Asked, base: &str) -> Result<Uri, Failed> {
    let query = asked
        .query
        .as_ref()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    format!("{base}{}{query}", asked.path)
        .parse()
        .map_err(|_| Failed::Address)
}

//! Builds the request that goes upstream, with the leased credential in place of the client's.
//!
//! Invariants: body, query and every header that is not ours to set are forwarded unchanged, in order; credentials and
//! hop-by-hop headers are dropped; `anthropic-version` is never changed; the only edits are the one OAuth value of
//! `anthropic-beta` ([`keyreeve_core::inject`]) and, if a cache lifetime is configured, the `ttl` of cache markers
//! ([`keyreeve_core::cache_ttl`]), never with an OAuth token.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, Uri, header};
use keyreeve_broker::upstream::RequestBody;
use keyreeve_broker::{HeaderValueError, Lease};
use keyreeve_core::cache_ttl::{self, TtlEdit, TtlOutcome, TtlSkipReason};
use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{BetaEdit, BetaLines, edit_beta};
use keyreeve_core::token::Family;

use crate::attempt::{ForwardError, OutgoingRequest};
use crate::headers::BETA;
use crate::redact::Redactor;
use crate::request::ClientRequest;

/// Builds the upstream request.
///
/// # Errors
/// [`ForwardError::Credential`] or [`ForwardError::InvalidUrl`].
pub(crate) fn inject(
    request: &ClientRequest,
    lease: &mut Lease,
    credential: &Credential,
) -> Result<OutgoingRequest, ForwardError> {
    let mut headers = request.headers.clone();
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
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = upstream_url(request, lease.profile.base_url.as_str(), "/v1")?;
    *outgoing.headers_mut() = headers;
    Ok(OutgoingRequest {
        request: outgoing,
        redactor: Redactor::new(secret),
    })
}

/// Returns the client's body, with the cache lifetime edited if one is set. Records the edit for the ledger.
fn body_with_cache_ttl(request: &ClientRequest, lease: &mut Lease, token: Family) -> RequestBody {
    let Some(ttl) = request.cache_ttl else {
        return request.body.to_send();
    };
    let edit = if cache_ttl::can_edit(token) {
        cache_ttl::apply_ttl(&request.body.joined(), ttl)
    } else {
        TtlEdit::Skipped(TtlSkipReason::Oauth)
    };
    let (outcome, body) = match edit {
        TtlEdit::Unchanged => (TtlOutcome::Set(ttl, 0), request.body.to_send()),
        TtlEdit::Edited { body, markers } => (
            TtlOutcome::Set(ttl, markers),
            RequestBody::from_iter([Bytes::from(body)]),
        ),
        TtlEdit::Skipped(reason) => (TtlOutcome::Skipped(reason), request.body.to_send()),
    };
    lease.record_cache_edit(outcome);
    body
}

fn edit_beta_header(headers: &mut HeaderMap, edit: BetaEdit) {
    if edit == BetaEdit::Keep {
        return;
    }
    let Ok(lines) = headers
        .get_all(&BETA)
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
            headers.remove(&BETA);
        }
        BetaLines::Replaced(line) => {
            // Built from valid header values and a constant.
            if let Ok(value) = HeaderValue::from_str(&line) {
                headers.insert(&BETA, value);
            }
        }
    }
}

/// Returns the upstream URL: the client's path and query below a base URL and a version.
pub(crate) fn upstream_url(
    request: &ClientRequest,
    base: &str,
    version: &str,
) -> Result<Uri, ForwardError> {
    let mut url = [base, version, request.path.as_str()].concat();
    if let Some(query) = &request.query {
        url.push('?');
        url.push_str(query);
    }
    Uri::from_maybe_shared(Bytes::from(url)).map_err(|_| ForwardError::InvalidUrl)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyreeve_broker::Broker;
    use keyreeve_broker::upstream::{Timeouts, Upstream};
    use keyreeve_core::origin::{BaseUrl, PlainHttp};
    use keyreeve_core::price::PriceTable;
    use keyreeve_core::profile::{
        Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
    };
    use keyreeve_core::secret::Secret;
    use keyreeve_os::environment::Environment;
    use keyreeve_os::system;
    use keyreeve_store::{Durability, Ending, Store, StorePaths};
    use keyreeve_testkit::canary::Canary;
    use keyreeve_testkit::upstream::{Scripted, responses};
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;
    use crate::classify::classify;
    use crate::forward::forward;
    use crate::record::{AttemptHandle, record};

    const BODY: &[u8] = br#"{"model":"claude-haiku-5-5","max_tokens":16,"messages":[]}"#;

    /// A store with one profile for `base_url`.
    fn store_with_profile(directory: &TempDir, base_url: &str) -> (Arc<Store>, Profile) {
        let paths = StorePaths {
            data: directory.path().join("data"),
            keys: directory.path().join("config"),
        };
        let store = Store::open(&paths, Durability::Local).unwrap();
        let profile = Profile {
            id: ProfileId(Uuid::from_u128(1)),
            name: "work".parse().unwrap(),
            source: Source::Sealed,
            base_url: BaseUrl::parse(base_url, PlainHttp::LoopbackOnly).unwrap(),
            auth: Auth::ApiKey,
            provenance: Provenance::Gateway,
            billing: BillingClass::Gateway,
            family: Some(Family::ApiKey),
            hint: None,
            secret_exposure: SecretExposure::RequestsOnly,
            simulated: false,
            expires_at: None,
            created_at: system::now(),
            rotated_at: None,
        };
        let secret = Secret::new(Canary::api_key("profile").value().to_owned());
        store.add_profile(&profile, Some(&secret)).unwrap();
        (Arc::new(store), profile)
    }

    /// Only a bug could bind a leased credential to another origin; even then nothing is sent.
    #[tokio::test]
    async fn credential_of_another_origin_is_not_sent() {
        let upstream = Scripted::start(|_| responses::json(200, "{}"));
        let directory = TempDir::new().unwrap();
        let (store, profile) = store_with_profile(&directory, &upstream.base_url());
        let client = Upstream::new(None, Timeouts::default()).unwrap();
        let broker = Arc::new(Broker::new(
            Arc::clone(&store),
            PriceTable::embedded(),
            Arc::new(Environment::from_pairs(Vec::<(String, String)>::new())),
            client.clone(),
        ));
        let id = broker.request_id().unwrap();
        let body = Bytes::from_static(BODY);
        let request = ClientRequest::from_owner(id, HeaderMap::new(), body).unwrap();
        let wanted = request.lease_request();
        let leased = broker.lease_for_owner(&profile, &wanted);
        let (mut lease, own) = leased.await.unwrap();
        let secret = Canary::api_key("elsewhere");
        let foreign = Credential::new(
            Secret::new(secret.value().to_owned()),
            own.family(),
            own.provenance(),
            BaseUrl::anthropic(),
        );

        let outgoing = inject(&request, &mut lease, &foreign);
        let result = forward(&client, outgoing).await;
        let verdict = classify(&result);
        let error = record(AttemptHandle::Lease(Box::new(lease)), verdict, result)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "wrong_origin");
        let response = error.into_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["x-should-retry"], "false");
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await;
        let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(body["error"]["type"], "api_error");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("bound to another origin") && !message.contains(secret.value()),
            "{message}"
        );

        assert_eq!(upstream.bytes(), Vec::<Vec<u8>>::new());
        broker.finish_pending().await;
        store.flush().unwrap();
        let entries = store.ledger_entries(10).unwrap();
        assert_eq!(entries.len(), 1);
        let outcome = entries[0].outcome.as_ref().unwrap();
        assert_eq!((outcome.ending, outcome.cost.get()), (Ending::Failed, 0));
        assert!(store.lease_snapshot().unwrap().health.all_ready());
    }
}

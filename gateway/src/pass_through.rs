//! Pass-through: what differs for a request that is sent with the client's own credential.
//!
//! Invariants: disabled unless it was turned on, and only while nothing but loopback addresses are bound; a virtual key
//! in its own header identifies the client, and is not forwarded; the only destination is Anthropic's origin; of the
//! client's credential only the family is looked at, and nothing of it is stored; the response goes to the client byte
//! for byte, changes no profile's health and is never retried (docs/plan-logins.md).

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::Response;
use hyper::body::Incoming;
use keyreeve_broker::{Broker, Client, PassThroughTerms};
use keyreeve_core::inject::HeaderAction;
use keyreeve_core::limits;
use keyreeve_core::pass_through::{self, CREDENTIAL_HEADERS, ClientCredentialError, KEY_HEADER};
use keyreeve_core::price::PaymentKind;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::PresentedKey;
use keyreeve_os::system;
use keyreeve_store::Operation;

use crate::attempt::{ForwardError, OutgoingRequest};
use crate::authenticate::credential_values;
use crate::config::{Config, PassThrough};
use crate::error::{GatewayError, PassThroughError};
use crate::inject::upstream_url;
use crate::models::collect_body;
use crate::redact::Redactor;
use crate::request::ClientRequest;
use crate::state::Gateway;

/// The path that reports how much of a plan's windows is used.
const USAGE: &str = "/api/oauth/usage";

/// The client's own credential, which is not kept: how it pays, and the only place it may be sent to.
pub(crate) struct OwnCredential {
    payment: PaymentKind,
    pub(crate) destination: PassThrough,
}

impl OwnCredential {
    /// Returns the terms of an attempt.
    pub(crate) fn terms(&self) -> PassThroughTerms {
        PassThroughTerms {
            payment: self.payment,
            target: self.destination.target,
        }
    }
}

/// Authenticates the client of a request that passes through.
///
/// # Errors
/// A [`GatewayError`] if pass-through is off, or for a missing or unusable credential.
pub(crate) fn authenticate(
    gateway: &Gateway,
    request: &Request<Incoming>,
) -> Result<(Client, OwnCredential), GatewayError> {
    let destination = require_enabled(&gateway.config)?.clone();
    let client = authenticate_key(&gateway.broker, request.headers())?;
    let payment = payment_kind(request.headers())?;
    check_no_keyreeve_key(request)?;
    let own = OwnCredential {
        payment,
        destination,
    };
    Ok((client, own))
}

fn require_enabled(config: &Config) -> Result<&PassThrough, PassThroughError> {
    config
        .pass_through
        .as_ref()
        .ok_or(PassThroughError::Disabled)
}

/// Authenticates the client by the virtual key it sends in addition to its own credential.
fn authenticate_key(broker: &Arc<Broker>, headers: &HeaderMap) -> Result<Client, GatewayError> {
    let key = find_key(headers)?;
    Ok(broker.authenticate(&key)?)
}

fn find_key(headers: &HeaderMap) -> Result<PresentedKey, GatewayError> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(PassThroughError::MissingKey.into()),
        (Some(value), None) => value
            .to_str()
            .map_err(|_| PassThroughError::InvalidKeyHeader)?
            .trim(),
        (Some(_), Some(_)) => return Err(PassThroughError::InvalidKeyHeader.into()),
    };
    match Family::from_prefix(value) {
        Family::VirtualKey => PresentedKey::parse(value).map_err(GatewayError::MistypedKey),
        Family::AdminVirtualKey => Err(GatewayError::AdminKey),
        _ if value.is_empty() => Err(PassThroughError::MissingKey.into()),
        _ => Err(PassThroughError::InvalidKeyHeader.into()),
    }
}

/// Returns the kind of payment, by the families of the client's credentials.
fn payment_kind(headers: &HeaderMap) -> Result<PaymentKind, PassThroughError> {
    let carried = credential_values(headers).filter(|value| !value.is_empty());
    Ok(pass_through::payment_kind(
        carried.flat_map(pass_through::token_families),
    )?)
}

/// Fails if one of keyreeve's own keys would be sent to Anthropic, in any header or in the query.
fn check_no_keyreeve_key(request: &Request<Incoming>) -> Result<(), PassThroughError> {
    let is_forwarded = |name: &str| pass_through::header_action(name) == HeaderAction::Pass;
    let headers = request.headers().iter();
    let mut values = headers
        .filter(|(name, _)| is_forwarded(name.as_str()))
        .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()))
        .chain(request.uri().query().map(Cow::Borrowed));
    if values.any(|value| pass_through::contains_keyreeve_key(&value)) {
        return Err(ClientCredentialError::VirtualKey.into());
    }
    Ok(())
}

/// Builds the outgoing request: the client's own, without hop-by-hop headers and keyreeve's. It asks for an
/// uncompressed response, as on every other route, because the usage must be read.
pub(crate) fn build_request(
    request: &ClientRequest,
    destination: &PassThrough,
) -> Result<OutgoingRequest, ForwardError> {
    let mut headers = request.headers.clone();
    for name in CREDENTIAL_HEADERS {
        if let header::Entry::Occupied(mut values) = headers.entry(name) {
            // Keeps them out of logs that print headers.
            values
                .iter_mut()
                .for_each(|value| value.set_sensitive(true));
        }
    }
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let version = match request.operation {
        Operation::Messages | Operation::CountTokens | Operation::Models => "/v1",
        Operation::Account => "",
    };
    let mut outgoing = Request::new(request.body.to_send());
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = upstream_url(request, destination.base_url().as_str(), version)?;
    *outgoing.headers_mut() = headers;
    Ok(OutgoingRequest {
        request: outgoing,
        // An echo of the client's own credential goes to that client only.
        redactor: Redactor::disabled(),
    })
}

/// Records the plan's windows that a usage response reports; the response is passed on unchanged.
pub(crate) async fn record_usage_windows(
    broker: &Broker,
    client: &Client,
    request: &ClientRequest,
    response: Response,
) -> Result<Response, GatewayError> {
    if request.path != USAGE || !response.status().is_success() {
        return Ok(response);
    }
    let response = collect_body(request.id, response).await?;
    let windows = limits::from_usage_body(response.body(), system::now());
    broker.record_windows(client, windows);
    Ok(response.map(Body::from))
}

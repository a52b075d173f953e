//! By which right a request is sent, and with whose credential.
//!
//! There is one pipeline (`flow.rs`); what depends on the credential is decided here: a profile's, leased for each
//! attempt, or the client's own, which passes through.

use std::sync::Arc;

use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use keyreeve_broker::{
    Broker, Client, Lease, LeaseError, LeaseRequest, PassThroughAttempt, RetryState,
};
use keyreeve_core::credential::Credential;

use crate::attempt::{ForwardError, OutgoingRequest};
use crate::authenticate::authenticate;
use crate::config::PassThrough;
use crate::error::GatewayError;
use crate::forwarded_route::SentCredential;
use crate::inject::inject;
use crate::models;
use crate::pass_through::{self, OwnCredential};
use crate::record::AttemptHandle;
use crate::request::ClientRequest;
use crate::state::Gateway;

/// The right by which a client's request is sent.
pub(crate) enum RequestAuth {
    /// The virtual key may use profiles.
    Leased(Client),
    /// The client sends its own credential, next to a virtual key that identifies it.
    PassThrough(Client, OwnCredential),
}

/// The right to one attempt, and its credential.
pub(crate) enum Leased {
    /// A profile's credential.
    Profile(Box<Lease>, Credential),
    /// The client's own, which goes to this destination only.
    Own(PassThroughAttempt, PassThrough),
}

impl RequestAuth {
    /// Authenticates the client of a request.
    ///
    /// # Errors
    /// A [`GatewayError`] that names the credential to send instead; each stops clients from retrying.
    pub(crate) fn of_request(
        gateway: &Gateway,
        credential: SentCredential,
        request: &Request<Incoming>,
    ) -> Result<Self, GatewayError> {
        match credential {
            SentCredential::OfProfile => {
                authenticate(&gateway.broker, request.headers()).map(Self::Leased)
            }
            SentCredential::OfClient => {
                let (client, own) = pass_through::authenticate(gateway, request)?;
                Ok(Self::PassThrough(client, own))
            }
        }
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> &Client {
        match self {
            Self::Leased(client) | Self::PassThrough(client, _) => client,
        }
    }

    /// Checks the request's models against the key. Only a request with a leased credential may be edited.
    ///
    /// # Errors
    /// A [`GatewayError`].
    pub(crate) fn check_request(
        &self,
        gateway: &Gateway,
        request: ClientRequest,
    ) -> Result<ClientRequest, GatewayError> {
        match self {
            Self::Leased(client) => {
                let request = models::check_allowed(request, client)?;
                Ok(request.with_cache_ttl(gateway, client)?)
            }
            Self::PassThrough(client, _) => {
                models::check_model(&request, client)?;
                Ok(request)
            }
        }
    }

    /// Obtains the right to the next attempt. Its intent is in the ledger.
    ///
    /// # Errors
    /// See [`LeaseError`]. In every case, nothing was sent.
    pub(crate) async fn lease(
        &self,
        broker: &Arc<Broker>,
        request: &LeaseRequest,
        retry: &mut RetryState,
    ) -> Result<Leased, LeaseError> {
        match self {
            Self::Leased(client) => {
                let (lease, credential) = broker.lease(client, request, retry).await?;
                Ok(Leased::Profile(Box::new(lease), credential))
            }
            Self::PassThrough(client, own) => {
                let attempt = broker.pass_through(client, request, own.terms()).await?;
                Ok(Leased::Own(attempt, own.destination.clone()))
            }
        }
    }

    /// Filters a response for the client.
    ///
    /// # Errors
    /// [`GatewayError::Upstream`] if the upstream's page is cut.
    pub(crate) async fn filter_response(
        &self,
        broker: &Broker,
        request: &ClientRequest,
        response: Response,
    ) -> Result<Response, GatewayError> {
        match self {
            Self::Leased(client) => {
                models::filter_response(broker, client, request, response).await
            }
            Self::PassThrough(client, _) => {
                pass_through::record_usage_windows(broker, client, request, response).await
            }
        }
    }
}

impl Leased {
    /// Builds the request of the attempt, with its credential.
    pub(crate) fn inject(
        self,
        request: &ClientRequest,
    ) -> (AttemptHandle, Result<OutgoingRequest, ForwardError>) {
        match self {
            Self::Profile(mut lease, credential) => {
                let outgoing = inject(request, &mut lease, &credential);
                (AttemptHandle::Lease(lease), outgoing)
            }
            Self::Own(attempt, destination) => {
                let outgoing = pass_through::build_request(request, &destination);
                (AttemptHandle::PassThrough(Box::new(attempt)), outgoing)
            }
        }
    }
}

//! The routes, as two tables: the routes of the API, which are forwarded and handled directly, and the gateway's own
//! pages, which axum handles.
//!
//! Invariants: the ingress checks come before everything else; a path that is in no table is not served: unknown paths
//! are never forwarded.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, head};
use hyper::body::Incoming;
use keyreeve_store::Operation;
use tower::ServiceExt as _;

use crate::error::GatewayError;
use crate::forwarded_route::{ForwardedRoute, SentCredential, split_path};
use crate::ingress::{Ingress, close_connection};
use crate::state::Gateway;
use crate::{flow, healthz, status_page};

/// A route of the API: its requests authenticate with a virtual key.
struct ApiRoute {
    method: Method,
    /// The path below the version.
    path: &'static str,
    credential: SentCredential,
    forwarded: ForwardedRoute,
}

use SentCredential::{OfClient, OfProfile};

/// Anthropic's own limit for messages (docs/facts.md#endpoints).
const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

const MESSAGES: ForwardedRoute = ForwardedRoute {
    operation: Operation::Messages,
    body_limit: MAX_MESSAGE_BYTES,
};
const COUNT_TOKENS: ForwardedRoute = ForwardedRoute {
    operation: Operation::CountTokens,
    body_limit: MAX_MESSAGE_BYTES,
};
const MODELS: ForwardedRoute = ForwardedRoute {
    operation: Operation::Models,
    body_limit: 0,
};
const ACCOUNT: ForwardedRoute = ForwardedRoute {
    operation: Operation::Account,
    body_limit: 0,
};

#[rustfmt::skip]
const API: [ApiRoute; 10] = [
    ApiRoute { method: Method::POST, path: "/messages",              credential: OfProfile, forwarded: MESSAGES },
    ApiRoute { method: Method::POST, path: "/messages/count_tokens", credential: OfProfile, forwarded: COUNT_TOKENS },
    ApiRoute { method: Method::GET,  path: "/models",                credential: OfProfile, forwarded: MODELS },
    ApiRoute { method: Method::GET,  path: "/models/{id}",           credential: OfProfile, forwarded: MODELS },
    ApiRoute { method: Method::POST, path: "/messages",              credential: OfClient,  forwarded: MESSAGES },
    ApiRoute { method: Method::POST, path: "/messages/count_tokens", credential: OfClient,  forwarded: COUNT_TOKENS },
    ApiRoute { method: Method::GET,  path: "/models",                credential: OfClient,  forwarded: MODELS },
    ApiRoute { method: Method::GET,  path: "/models/{id}",           credential: OfClient,  forwarded: MODELS },
    ApiRoute { method: Method::GET,  path: "/api/oauth/usage",       credential: OfClient,  forwarded: ACCOUNT },
    ApiRoute { method: Method::GET,  path: "/api/oauth/profile",     credential: OfClient,  forwarded: ACCOUNT },
];

/// The pages: no authentication, and nothing secret in a response.
fn pages() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/", head(empty).get(status_page::status))
        // Clients warm up their connection with these.
        .route("/api/hello", head(empty).get(empty))
        .route("/healthz", get(healthz::healthz))
        .route("/page.css", get(status_page::style))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn empty() {}

/// All routes.
pub(crate) struct Routes {
    gateway: Arc<Gateway>,
    pages: Router,
}

/// The target of a request.
enum Target {
    Api(SentCredential, ForwardedRoute),
    /// The path of an API route, with another method.
    MethodNotAllowed,
    /// A page, or nothing.
    Page,
}

impl Routes {
    pub(crate) fn new(gateway: Gateway) -> Self {
        let gateway = Arc::new(gateway);
        Self {
            pages: pages().with_state(Arc::clone(&gateway)),
            gateway,
        }
    }

    /// Responds to a request.
    pub(crate) async fn respond(self: Arc<Self>, request: hyper::Request<Incoming>) -> Response {
        let ingress = Ingress::check(&self.gateway.hosts, &request);
        let must_close = ingress.must_close();
        let mut response = match ingress.refused {
            Some(error) => error.into_response(),
            None => self.route(request).await,
        };
        if must_close {
            close_connection(&mut response);
        }
        response
    }

    async fn route(&self, request: hyper::Request<Incoming>) -> Response {
        match Target::of(request.method(), request.uri().path()) {
            Target::Api(credential, route) => {
                flow::handle(&self.gateway, credential, route, request).await
            }
            Target::MethodNotAllowed => refuse_method(request.method()),
            Target::Page => match self.pages.clone().oneshot(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        }
    }
}

impl Target {
    fn of(method: &Method, path: &str) -> Self {
        let (credential, path) = split_path(path);
        let mut target = Self::Page;
        for route in &API {
            if route.credential == credential && route.matches(path) {
                if route.method == *method {
                    return Self::Api(credential, route.forwarded);
                }
                target = Self::MethodNotAllowed;
            }
        }
        target
    }
}

impl ApiRoute {
    fn matches(&self, path: &str) -> bool {
        match self.path.strip_suffix("{id}") {
            Some(start) => path
                .strip_prefix(start)
                .is_some_and(|id| !id.is_empty() && !id.contains('/')),
            None => path == self.path,
        }
    }
}

async fn not_found(request: Request) -> Response {
    let path = keyreeve_core::sanitize::sanitize_line(request.uri().path(), 128).into_owned();
    GatewayError::NotFound { path }.into_response()
}

async fn method_not_allowed(request: Request) -> Response {
    refuse_method(request.method())
}

fn refuse_method(method: &Method) -> Response {
    GatewayError::MethodNotAllowed {
        method: method.to_string(),
    }
    .into_response()
}

//! The routes, as one table: method, path, access, maximum body size, and handler.
//!
//! Invariant: a path that is not in the table is not served. Unknown paths are never forwarded.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use keyreeve_store::Operation;

use crate::error::GatewayError;
use crate::forwarded_route::{ForwardedRoute, PASS_THROUGH, version_variants};
use crate::state::Gateway;
use crate::{flow, healthz, ingress, pass_through, status_page};

/// One row of the table.
struct Route {
    method: Method,
    path: &'static str,
    access: RouteAccess,
    handler: RouteHandler,
}

/// The access a route requires.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RouteAccess {
    /// No authentication. The response contains nothing secret.
    Anyone,
    /// A virtual key.
    VirtualKey,
}

/// The handler of a route.
#[derive(Clone, Copy)]
enum RouteHandler {
    /// The request pipeline.
    Forward(ForwardedRoute),
    /// Pass-through with the client's own credential, below [`PASS_THROUGH`].
    PassThrough(ForwardedRoute),
    /// An empty `200`, for clients that warm up their connection.
    Empty,
    /// The proof that this is the gateway it claims to be.
    Healthz,
    /// The status page.
    StatusPage,
    /// The style sheet of the status page.
    StyleSheet,
}

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
const TABLE: [Route; 16] = [
    Route { method: Method::POST, path: "/v1/messages",              access: RouteAccess::VirtualKey, handler: RouteHandler::Forward(MESSAGES) },
    Route { method: Method::POST, path: "/v1/messages/count_tokens", access: RouteAccess::VirtualKey, handler: RouteHandler::Forward(COUNT_TOKENS) },
    Route { method: Method::GET,  path: "/v1/models",                access: RouteAccess::VirtualKey, handler: RouteHandler::Forward(MODELS) },
    Route { method: Method::GET,  path: "/v1/models/{id}",           access: RouteAccess::VirtualKey, handler: RouteHandler::Forward(MODELS) },
    Route { method: Method::POST, path: "/v1/messages",              access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(MESSAGES) },
    Route { method: Method::POST, path: "/v1/messages/count_tokens", access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(COUNT_TOKENS) },
    Route { method: Method::GET,  path: "/v1/models",                access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(MODELS) },
    Route { method: Method::GET,  path: "/v1/models/{id}",           access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(MODELS) },
    Route { method: Method::GET,  path: "/api/oauth/usage",          access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(ACCOUNT) },
    Route { method: Method::GET,  path: "/api/oauth/profile",        access: RouteAccess::VirtualKey, handler: RouteHandler::PassThrough(ACCOUNT) },
    Route { method: Method::HEAD, path: "/",                         access: RouteAccess::Anyone,     handler: RouteHandler::Empty },
    Route { method: Method::HEAD, path: "/api/hello",                access: RouteAccess::Anyone,     handler: RouteHandler::Empty },
    Route { method: Method::GET,  path: "/api/hello",                access: RouteAccess::Anyone,     handler: RouteHandler::Empty },
    Route { method: Method::GET,  path: "/healthz",                  access: RouteAccess::Anyone,     handler: RouteHandler::Healthz },
    Route { method: Method::GET,  path: "/",                         access: RouteAccess::Anyone,     handler: RouteHandler::StatusPage },
    Route { method: Method::GET,  path: "/page.css",                 access: RouteAccess::Anyone,     handler: RouteHandler::StyleSheet },
];

/// Builds the router from the table, with the ingress checks in front.
pub(crate) fn router(gateway: &Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for route in TABLE {
        for path in route.path_variants() {
            router = router.route(&path, route.method_router());
        }
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(
            Arc::clone(gateway),
            ingress::check_ingress,
        ))
        .with_state(Arc::clone(gateway))
}

impl Route {
    fn path_variants(&self) -> Vec<String> {
        let path = self.path;
        match self.handler {
            RouteHandler::Forward(_) => version_variants(path),
            RouteHandler::PassThrough(_) => version_variants(path)
                .into_iter()
                .map(|path| format!("{PASS_THROUGH}{path}"))
                .collect(),
            RouteHandler::Empty
            | RouteHandler::Healthz
            | RouteHandler::StatusPage
            | RouteHandler::StyleSheet => {
                vec![path.to_owned()]
            }
        }
    }

    fn method_router(&self) -> axum::routing::MethodRouter<Arc<Gateway>> {
        let filter = self.filter();
        match self.handler {
            RouteHandler::Forward(forwarded) => {
                self.with_key(move |gateway, request| flow::handle(gateway, forwarded, request))
            }
            RouteHandler::PassThrough(forwarded) => self.with_key(move |gateway, request| {
                pass_through::handle(gateway, forwarded, request)
            }),
            RouteHandler::Empty => on(filter, async || ()),
            RouteHandler::Healthz => on(filter, healthz::healthz),
            RouteHandler::StatusPage => on(filter, status_page::status),
            RouteHandler::StyleSheet => on(filter, status_page::style),
        }
    }

    /// Serves requests that authenticate with a virtual key.
    fn with_key<Served>(
        &self,
        serve: impl Fn(Arc<Gateway>, Request) -> Served + Clone + Send + Sync + 'static,
    ) -> axum::routing::MethodRouter<Arc<Gateway>>
    where
        Served: Future<Output = Response> + Send + 'static,
    {
        debug_assert!(
            self.access == RouteAccess::VirtualKey,
            "the pipeline starts with a virtual key"
        );
        let method = self.method.clone();
        on(
            self.filter(),
            async move |State(gateway): State<Arc<Gateway>>, request: Request| {
                // axum accepts HEAD on a GET route; the table does not.
                if *request.method() != method {
                    return method_not_allowed(request).await;
                }
                serve(gateway, request).await
            },
        )
    }

    fn filter(&self) -> MethodFilter {
        MethodFilter::try_from(self.method.clone()).unwrap_or(MethodFilter::GET)
    }
}

async fn not_found(request: Request) -> Response {
    let path = keyreeve_core::sanitize::sanitize_line(request.uri().path(), 128).into_owned();
    GatewayError::NotFound { path }.into_response()
}

async fn method_not_allowed(request: Request) -> Response {
    GatewayError::MethodNotAllowed {
        method: request.method().to_string(),
    }
    .into_response()
}

//! Every route, as one table: method, path, who may, how large a body, and what serves it.
//!
//! Invariant: a path that is not in the table is not served. There is no relay of unknown paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use keyreeve_store::Operation;

use crate::error::Refusal;
use crate::{Gateway, flow, guard, health, page, pass_through};

/// One row of the table.
struct Route {
    method: Method,
    path: &'static str,
    who: Who,
    serves: Serves,
}

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Anybody who can connect. Nothing secret is answered.
    Anyone,
    /// The holder of a virtual key.
    VirtualKey,
}

/// What serves a route.
#[derive(Clone, Copy)]
enum Serves {
    /// The six steps.
    Flow(Forwarded),
    /// The same with a credential of the client's own, below [`PASS_THROUGH`].
    PassThrough(Forwarded),
    /// `200`, empty: clients warm their connection with it.
    Nothing,
    /// The proof that this is the gateway it claims to be.
    Health,
    /// The status page.
    Page,
    /// Its style sheet.
    Style,
}

/// A forwarded API: what the six steps need to know of a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forwarded {
    /// Which API.
    pub(crate) operation: Operation,
    /// The largest body taken, in bytes.
    pub(crate) body_limit: usize,
}

/// The vendor's own limit for messages (docs/facts.md#endpoints).
const MESSAGE_LIMIT: usize = 32 * 1024 * 1024;

const MESSAGES: Forwarded = Forwarded {
    operation: Operation::Messages,
    body_limit: MESSAGE_LIMIT,
};
const COUNT_TOKENS: Forwarded = Forwarded {
    operation: Operation::CountTokens,
    body_limit: MESSAGE_LIMIT,
};
const MODELS: Forwarded = Forwarded {
    operation: Operation::Models,
    body_limit: 0,
};
const ACCOUNT: Forwarded = Forwarded {
    operation: Operation::Account,
    body_limit: 0,
};

/// What stands before the paths of requests that pass through.
const PASS_THROUGH: &str = "/passthrough";

#[rustfmt::skip]
const TABLE: [Route; 16] = [
    Route { method: Method::POST, path: "/v1/messages",              who: Who::VirtualKey, serves: Serves::Flow(MESSAGES) },
    Route { method: Method::POST, path: "/v1/messages/count_tokens", who: Who::VirtualKey, serves: Serves::Flow(COUNT_TOKENS) },
    Route { method: Method::GET,  path: "/v1/models",                who: Who::VirtualKey, serves: Serves::Flow(MODELS) },
    Route { method: Method::GET,  path: "/v1/models/{id}",           who: Who::VirtualKey, serves: Serves::Flow(MODELS) },
    Route { method: Method::POST, path: "/v1/messages",              who: Who::VirtualKey, serves: Serves::PassThrough(MESSAGES) },
    Route { method: Method::POST, path: "/v1/messages/count_tokens", who: Who::VirtualKey, serves: Serves::PassThrough(COUNT_TOKENS) },
    Route { method: Method::GET,  path: "/v1/models",                who: Who::VirtualKey, serves: Serves::PassThrough(MODELS) },
    Route { method: Method::GET,  path: "/v1/models/{id}",           who: Who::VirtualKey, serves: Serves::PassThrough(MODELS) },
    Route { method: Method::GET,  path: "/api/oauth/usage",          who: Who::VirtualKey, serves: Serves::PassThrough(ACCOUNT) },
    Route { method: Method::GET,  path: "/api/oauth/profile",        who: Who::VirtualKey, serves: Serves::PassThrough(ACCOUNT) },
    Route { method: Method::HEAD, path: "/",                         who: Who::Anyone,     serves: Serves::Nothing },
    Route { method: Method::HEAD, path: "/api/hello",                who: Who::Anyone,     serves: Serves::Nothing },
    Route { method: Method::GET,  path: "/api/hello",                who: Who::Anyone,     serves: Serves::Nothing },
    Route { method: Method::GET,  path: "/healthz",                  who: Who::Anyone,     serves: Serves::Health },
    Route { method: Method::GET,  path: "/",                         who: Who::Anyone,     serves: Serves::Page },
    Route { method: Method::GET,  path: "/page.css",                 who: Who::Anyone,     serves: Serves::Style },
];

/// Builds the router from the table, behind the guard.
pub(crate) fn router(gateway: &Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for route in TABLE {
        for path in route.spellings() {
            router = router.route(&path, route.handler());
        }
    }
    router
        .fallback(not_served)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(gateway),
            guard::guard,
        ))
        .with_state(Arc::clone(gateway))
}

/// The path without what is before it and without its `/v1`s: some clients want the version in the base URL and some add
/// it, and people mix them up (docs/facts.md#clients).
pub(crate) fn unversioned(path: &str) -> &str {
    let path = path
        .strip_prefix(PASS_THROUGH)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let path = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    path.strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path)
}

impl Route {
    fn spellings(&self) -> Vec<String> {
        let path = self.path;
        match self.serves {
            Serves::Flow(_) => versioned_or_not(path),
            Serves::PassThrough(_) => versioned_or_not(path)
                .into_iter()
                .map(|path| format!("{PASS_THROUGH}{path}"))
                .collect(),
            Serves::Nothing | Serves::Health | Serves::Page | Serves::Style => {
                vec![path.to_owned()]
            }
        }
    }

    fn handler(&self) -> axum::routing::MethodRouter<Arc<Gateway>> {
        let filter = self.filter();
        match self.serves {
            Serves::Flow(forwarded) => {
                self.with_key(move |gateway, request| flow::answer(gateway, forwarded, request))
            }
            Serves::PassThrough(forwarded) => self.with_key(move |gateway, request| {
                pass_through::answer(gateway, forwarded, request)
            }),
            Serves::Nothing => on(filter, async || ()),
            Serves::Health => on(filter, health::healthz),
            Serves::Page => on(filter, page::status),
            Serves::Style => on(filter, page::style),
        }
    }

    /// Serves who has a key.
    fn with_key<Answered>(
        &self,
        serve: impl Fn(Arc<Gateway>, Request) -> Answered + Clone + Send + Sync + 'static,
    ) -> axum::routing::MethodRouter<Arc<Gateway>>
    where
        Answered: Future<Output = Response> + Send + 'static,
    {
        debug_assert!(self.who == Who::VirtualKey, "these steps begin with a key");
        let method = self.method.clone();
        on(
            self.filter(),
            async move |State(gateway): State<Arc<Gateway>>, request: Request| {
                // axum lets HEAD in where GET is served; the table does not.
                if *request.method() != method {
                    return wrong_method(request).await;
                }
                serve(gateway, request).await
            },
        )
    }

    fn filter(&self) -> MethodFilter {
        MethodFilter::try_from(self.method.clone()).unwrap_or(MethodFilter::GET)
    }
}

/// The ways in which clients write a path.
fn versioned_or_not(path: &str) -> Vec<String> {
    let mut spellings = vec![
        path.to_owned(),
        unversioned(path).to_owned(),
        format!("/v1{path}"),
    ];
    spellings.dedup();
    spellings
}

async fn not_served(request: Request) -> Response {
    let path = keyreeve_core::inert::inert_line(request.uri().path(), 128).into_owned();
    Refusal::NotServed { path }.into_response()
}

async fn wrong_method(request: Request) -> Response {
    Refusal::Method {
        method: request.method().to_string(),
    }
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_stand_never_once_or_twice() {
        for (path, bare) in [
            ("/messages", "/messages"),
            ("/v1/messages", "/messages"),
            ("/v1/v1/messages", "/messages"),
            ("/v1/v1/v1/messages", "/v1/messages"),
            ("/v1messages", "/v1messages"),
        ] {
            assert_eq!(unversioned(path), bare);
        }
    }
}

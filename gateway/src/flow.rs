//! The life of a request: authenticate, lease, inject, forward, classify, record.
//!
//! Each step is one function from the file of its name, and no step reaches back. A step that refuses ends the request
//! with an answer in Anthropic's envelope. The last five steps are an attempt; a further one is made only while nothing
//! has gone to the client, and only where the answer says that it may help. `docs/life-of-a-request.md` tells the same
//! story at more length.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use keyreeve_broker::{Client, Next, Trail};
use tokio::time::Instant;

use crate::Gateway;
use crate::authenticate::authenticate;
use crate::classify::classify;
use crate::error::Refusal;
use crate::forward::{brought, forward};
use crate::inject::inject;
use crate::models;
use crate::record::record;
use crate::refused::Refused;
use crate::replay::{Asked, read_whole};
use crate::routes::Forwarded;

/// Answers one client request.
pub(crate) async fn answer(gateway: Arc<Gateway>, route: Forwarded, request: Request) -> Response {
    pass_on(&gateway, route, request)
        .await
        .unwrap_or_else(Refusal::into_response)
}

async fn pass_on(
    gateway: &Gateway,
    route: Forwarded,
    request: Request,
) -> Result<Response, Refusal> {
    let came_at = Instant::now();
    let client = authenticate(&gateway.broker, request.headers())?;

    // Whole, because it must be peeked at and may be sent again; unchanged, because it is passed on as it came.
    let asked = read_whole(gateway, route, request).await?;
    let asked = asked.within_what_is_allowed(&client)?;
    let asked = asked.with_lifetime_of_markers(gateway, &client)?;

    let trail = Trail::new(came_at + asked.time_out(), gateway.config.throttle_wait);
    let answer = attempts(gateway, &client, &asked, trail).await?;

    models::present(&gateway.broker, &client, &asked, answer).await
}

/// Makes attempts until an answer stands, or nothing is left to try.
async fn attempts(
    gateway: &Gateway,
    client: &Client,
    asked: &Asked,
    mut trail: Trail,
) -> Result<Response, Refusal> {
    let mut refused = Refused::default();
    loop {
        let leased = gateway.broker.lease(client, asked.ask(), &mut trail).await;
        let (mut lease, credential) = match leased {
            Ok(leased) => leased,
            Err(none) => return refused.instead_of(none),
        };
        let outgoing = inject(asked, &mut lease, &credential);
        drop(credential);

        let came = forward(&gateway.upstream, outgoing).await;
        let verdict = classify(&came);
        let next = trail.after(&lease, verdict, brought(&came));
        let answer = record(lease, verdict, came).await;

        match next {
            Next::Stands => return refused.or(answer, verdict).await,
            Next::MayGoOn => refused.keep(answer).await,
        }
    }
}

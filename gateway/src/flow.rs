//! The life of a request: authenticate, lease, inject, forward, classify, record.
//!
//! Each step is one function from the file of its name, and no step reaches back. A step that refuses ends the request
//! with an answer in Anthropic's envelope. `docs/life-of-a-request.md` tells the same story at more length.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;

use crate::Gateway;
use crate::authenticate::authenticate;
use crate::classify::classify;
use crate::error::Refusal;
use crate::forward::forward;
use crate::inject::inject;
use crate::models;
use crate::record::record;
use crate::replay::read_whole;
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
    let client = authenticate(&gateway.broker, request.headers())?;

    // Whole, because it must be peeked at and may be replayed; unchanged, because it is passed on as it came.
    let asked = read_whole(gateway, route, request).await?;
    let asked = asked.within_what_is_allowed(&client)?;

    let (lease, credential) = gateway.broker.lease(&client, asked.ask()).await?;
    let outgoing = inject(&asked, &lease, &credential);
    drop(credential);

    let came = forward(&gateway.upstream, outgoing).await;
    let verdict = classify(&came);
    let answer = record(lease, verdict, came).await?;

    models::present(&gateway.broker, &client, &asked, answer).await
}

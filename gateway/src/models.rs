//! Shows a key's holder the models it may use: the upstream's list cut to the key's globs, or the price table's where the
//! upstream has no such route. Every other answer passes untouched.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use keyreeve_broker::{Broker, Client};
use keyreeve_store::{Operation, RequestId};
use serde::Serialize;
use serde_json::Value;

use crate::error::Refusal;
use crate::forward::Failed;
use crate::own::json;
use crate::replay::Asked;

/// A page of at most 1,000 models stays far below this (docs/facts.md#endpoints).
const PAGE_LIMIT: usize = 4 * 1024 * 1024;

/// Turns the upstream's answer into what this client may see.
///
/// # Errors
/// When the upstream's page breaks off.
pub(crate) async fn present(
    broker: &Broker,
    client: &Client,
    asked: &Asked,
    answer: Response,
) -> Result<Response, Refusal> {
    match asked.operation {
        Operation::Messages | Operation::CountTokens | Operation::Account => Ok(answer),
        Operation::Models if lacks_the_route(answer.status()) => {
            Ok(own(broker, client, asked, whole(asked.id, answer).await?))
        }
        Operation::Models if asked.model_in_path().is_some() || client.key.models.is_empty() => {
            Ok(answer)
        }
        Operation::Models => Ok(cut(client, whole(asked.id, answer).await?)),
    }
}

/// Reads an answer to its end, so that the ledger has it whole too.
pub(crate) async fn whole(
    request: RequestId,
    answer: Response,
) -> Result<Response<Bytes>, Refusal> {
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, PAGE_LIMIT)
        .await
        .map_err(|_| Refusal::Upstream {
            request,
            failed: Failed::CutAtOnce,
        })?;
    Ok(Response::from_parts(head, body))
}

fn lacks_the_route(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

/// Answers from the price table; the upstream's refusal stands for a model that the table does not know either.
fn own(broker: &Broker, client: &Client, asked: &Asked, refusal: Response<Bytes>) -> Response {
    let mut listed = broker
        .prices()
        .models()
        .filter(|(id, _)| client.key.may_ask(id))
        .map(Model::of);
    match asked.model_in_path() {
        Some(id) => listed.find(|model| model.id == id).map_or_else(
            || refusal.map(Body::from),
            |model| json(StatusCode::OK, &model),
        ),
        None => json(StatusCode::OK, &Page::of(listed.collect())),
    }
}

/// Leaves out what the key may not use. A page that is not in the known shape shows nothing rather than too much.
fn cut(client: &Client, answer: Response<Bytes>) -> Response {
    if !answer.status().is_success() {
        return answer.map(Body::from);
    }
    let (mut head, body) = answer.into_parts();
    let mut page: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = |model: &Value| {
        model
            .get("id")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    if let Some(data) = page.get_mut("data").and_then(Value::as_array_mut) {
        data.retain(|model| id(model).is_some_and(|id| client.key.may_ask(&id)));
        let (first, last) = (data.first().and_then(id), data.last().and_then(id));
        page["first_id"] = first.into();
        page["last_id"] = last.into();
    } else {
        page = Value::Null;
    }
    head.headers.remove(header::CONTENT_LENGTH);
    let body = serde_json::to_vec(&page).unwrap_or_default();
    Response::from_parts(head, Body::from(body))
}

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
}

impl<'a> Page<'a> {
    fn of(data: Vec<Model<'a>>) -> Self {
        let (first, last) = (
            data.first().map(|model| model.id),
            data.last().map(|model| model.id),
        );
        Self {
            data,
            has_more: false,
            first_id: first,
            last_id: last,
        }
    }
}

impl<'a> Model<'a> {
    fn of((id, display_name): (&'a str, &'a str)) -> Self {
        Self {
            kind: "model",
            id,
            display_name,
        }
    }
}

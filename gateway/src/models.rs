//! The models a key may use: checks the model of a request, and filters the list of models: the upstream's list reduced
//! to the models a key allows, or the price table's list if the upstream has no such route. Every other response is
//! passed on unchanged.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use keyreeve_broker::{Broker, Client};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::virtual_key::ModelPattern;
use keyreeve_store::{Operation, RequestId};
use serde::Serialize;
use serde_json::Value;

use crate::attempt::ForwardError;
use crate::error::GatewayError;
use crate::json_response::json_response;
use crate::request::ClientRequest;

/// The maximum size of a page of models. A page of 1,000 stays far below it (docs/facts.md#endpoints).
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Checks the model against the key. A key limited to some models gets the whole list of models at once, since a
/// page of it could be left with few or none after filtering.
///
/// # Errors
/// [`GatewayError::ModelNotAllowed`] or [`GatewayError::MissingModel`], with the models allowed;
/// [`GatewayError::NotFound`] for a model name that an upstream might read as another path.
pub(crate) fn check_allowed(
    mut request: ClientRequest,
    client: &Client,
) -> Result<ClientRequest, GatewayError> {
    check_model(&request, client)?;
    let is_limited = !client.key.models.is_empty();
    if is_limited && request.operation == Operation::Models && request.model().is_none() {
        request.query = Some("limit=1000".to_owned());
    }
    Ok(request)
}

/// Checks each model that the request names against the key, and changes nothing.
///
/// # Errors
/// The same as [`check_allowed`].
pub(crate) fn check_model(request: &ClientRequest, client: &Client) -> Result<(), GatewayError> {
    if request
        .model_in_path()
        .is_some_and(|id| !is_one_segment(id))
    {
        let path = sanitize_line(&request.path, 128).into_owned();
        return Err(GatewayError::NotFound { path });
    }
    if client.key.models.is_empty() {
        return Ok(());
    }
    let allowed = || {
        let patterns = client.key.models.iter().map(ModelPattern::as_str);
        patterns.collect::<Vec<_>>().join(", ")
    };
    let other_models = request.peek.other_models.iter().map(String::as_str);
    let mut models = request.model().into_iter().chain(other_models);
    if let Some(model) = models.find(|model| !client.key.allows_model(model)) {
        return Err(GatewayError::ModelNotAllowed {
            requested: sanitize_line(model, 128).into_owned(),
            allowed: allowed(),
        });
    }
    match request.operation {
        // An upstream with a default model would choose that one.
        Operation::Messages | Operation::CountTokens if request.model().is_none() => {
            Err(GatewayError::MissingModel { allowed: allowed() })
        }
        Operation::Messages | Operation::CountTokens | Operation::Models | Operation::Account => {
            Ok(())
        }
    }
}

/// Returns `true` if a model name is one plain path segment for every parser: not dots alone, no escapes.
fn is_one_segment(id: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b':' | b'@');
    !id.is_empty() && id.bytes().all(plain) && id.bytes().any(|c| c != b'.')
}

/// Filters the upstream's response for this client.
///
/// # Errors
/// [`GatewayError::Upstream`] if the upstream's page is cut.
pub(crate) async fn filter_response(
    broker: &Broker,
    client: &Client,
    request: &ClientRequest,
    response: Response,
) -> Result<Response, GatewayError> {
    match request.operation {
        Operation::Messages | Operation::CountTokens | Operation::Account => Ok(response),
        Operation::Models if is_route_missing(response.status()) => {
            let response = collect_body(request.id, response).await?;
            Ok(from_price_table(broker, client, request, response))
        }
        Operation::Models if request.model_in_path().is_some() || client.key.models.is_empty() => {
            Ok(response)
        }
        Operation::Models => {
            let response = collect_body(request.id, response).await?;
            Ok(retain_allowed_models(client, response))
        }
    }
}

/// Reads a response to its end, so that the ledger records it as complete.
pub(crate) async fn collect_body(
    request: RequestId,
    response: Response,
) -> Result<Response<Bytes>, GatewayError> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, MAX_PAGE_BYTES)
        .await
        .map_err(|_| GatewayError::Upstream {
            request,
            error: ForwardError::NoBody,
        })?;
    Ok(Response::from_parts(head, body))
}

fn is_route_missing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

/// Builds the response from the price table, or returns the upstream's error for a model the table does not know.
fn from_price_table(
    broker: &Broker,
    client: &Client,
    request: &ClientRequest,
    upstream_error: Response<Bytes>,
) -> Response {
    let mut listed = broker
        .prices()
        .models()
        .filter(|(id, _)| client.key.allows_model(id))
        .map(ModelEntry::new);
    match request.model_in_path() {
        Some(id) => listed.find(|model| model.id == id).map_or_else(
            || upstream_error.map(Body::from),
            |model| json_response(StatusCode::OK, &model),
        ),
        None => json_response(StatusCode::OK, &ModelPage::new(listed.collect())),
    }
}

/// Removes the models the key may not use. A page of unknown shape becomes `null`, so that it reveals none of them.
fn retain_allowed_models(client: &Client, response: Response<Bytes>) -> Response {
    if !response.status().is_success() {
        return response.map(Body::from);
    }
    let (mut head, body) = response.into_parts();
    let mut page: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = |model: &Value| {
        model
            .get("id")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    if let Some(data) = page.get_mut("data").and_then(Value::as_array_mut) {
        data.retain(|model| id(model).is_some_and(|id| client.key.allows_model(&id)));
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
struct ModelPage<'a> {
    data: Vec<ModelEntry<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ModelEntry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
}

impl<'a> ModelPage<'a> {
    fn new(data: Vec<ModelEntry<'a>>) -> Self {
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

impl<'a> ModelEntry<'a> {
    fn new((id, display_name): (&'a str, &'a str)) -> Self {
        Self {
            kind: "model",
            id,
            display_name,
        }
    }
}

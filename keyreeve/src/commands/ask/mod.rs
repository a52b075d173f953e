//! `ask`: sends one question to a model, prints the response, then who paid and how much.
//!
//! Invariants: the request takes the same path as the gateway's ([`keyreeve_gateway::send_as_owner`]) and is recorded like
//! them; the text is sanitized before it is printed; an interrupted request is recorded as incomplete.

mod response;

use std::io::{self, IsTerminal as _, Read as _};

use keyreeve_broker::admin::models::question_model;
use keyreeve_broker::admin::profiles::find_or_default;
use keyreeve_broker::wire::{AskView, docs_url};
use keyreeve_core::profile::Profile;
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::verdict::{CredentialStatus, Verdict};
use keyreeve_gateway::{SendError, send_as_owner};
use keyreeve_store::Store;
use serde_json::{Value, json};

use self::response::StreamedResponse;
use crate::args::AskArgs;
use crate::context::{self, Context, OwnerAccess};
use crate::credential_check::exit_code_for;
use crate::error::{CommandError, Exit};
use crate::output::{Line, relative_time, thousands};

use crate::render::cost::dollars;
use crate::runtime::{BlockingRuntime, nth_stop_signal};

/// Maximum question in bytes: the API's request limit (docs/facts.md#endpoints).
const MAX_PROMPT: usize = 32 * 1024 * 1024;
/// Maximum length of an upstream error message when it is shown.
const MAX_ERROR_TEXT: usize = 300;

pub(super) fn run(ask: &AskArgs, context: &Context) -> Result<(), CommandError> {
    let owner = context::owner_access(context)?;
    let store = owner.broker.store();
    let policy = store.policy()?;
    let profile = find_or_default(&policy, ask.profile.as_ref())?;
    let model = question_model(ask.model.as_deref(), owner.default_model.as_deref());
    let body = body(ask, model, &prompt(ask.prompt.as_deref())?);
    let result = BlockingRuntime::multi_thread()?.block_on(async {
        let stop = nth_stop_signal(1)?;
        let result = tokio::select! {
            result = send(&owner, profile, &body, context) => result,
            () = stop => Err(CommandError::new(
                Exit::Interrupted,
                "stopped; what arrived is billed, and recorded as incomplete",
            )),
        };
        owner.broker.finish_pending().await;
        result
    });
    // In every case, its ledger entry is complete by now.
    store.flush()?;
    let response = result?;
    report(response, store, profile, context)
}

async fn send(
    owner: &OwnerAccess,
    profile: &Profile,
    body: &Value,
    context: &Context,
) -> Result<StreamedResponse, CommandError> {
    let response = send_as_owner(
        &owner.broker,
        &owner.upstream,
        profile,
        body.to_string().into(),
    )
    .await
    .map_err(|error| send_error(error, context))?;
    StreamedResponse::read(response, context).await
}

/// Returns the question; does not wait for input at a terminal unless `-` is given.
fn prompt(typed: Option<&str>) -> Result<String, CommandError> {
    let missing =
        || CommandError::new(Exit::Usage, "no question given").fix("keyreeve ask 'QUESTION'");
    let text = match typed {
        None if io::stdin().is_terminal() => return Err(missing()),
        None | Some("-") => read_stdin()?,
        Some(text) => text.to_owned(),
    };
    if text.trim().is_empty() {
        return Err(missing());
    }
    Ok(text)
}

fn read_stdin() -> Result<String, CommandError> {
    let failed = |error: &dyn std::error::Error| {
        CommandError::new(Exit::Failed, "cannot read standard input").caused_by(error)
    };
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_PROMPT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.len() > MAX_PROMPT {
        return Err(CommandError::new(
            Exit::Usage,
            "the question is longer than the API's limit of 32 MiB",
        ));
    }
    String::from_utf8(bytes).map_err(|error| failed(&error.utf8_error()))
}

fn body(ask: &AskArgs, model: &str, prompt: &str) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": ask.max_tokens,
        "stream": true,
        "messages": [{ "role": "user", "content": prompt }],
    });
    if let Some(system) = &ask.system {
        body["system"] = json!(system);
    }
    body
}

fn send_error(error: SendError, context: &Context) -> CommandError {
    match error {
        SendError::Lease(error) => error.into(),
        SendError::Request(_) => CommandError::from_error(Exit::Failed, &error),
        SendError::NoResponse {
            verdict,
            ref source,
        } => request_error(verdict, context).caused_by(source.as_ref()),
    }
}

/// Describes a failed or incomplete response: what it means, what to do, and where to read more.
fn request_error(verdict: Verdict, context: &Context) -> CommandError {
    let exit = exit_code_for(verdict.credential_status()).unwrap_or(Exit::Failed);
    let until = verdict.until().map_or_else(String::new, |at| {
        format!(" until {}", relative_time(at, &context.clock_now()))
    });
    let meaning = match verdict.credential_status() {
        CredentialStatus::NotForThis => "the request was refused",
        status => status.description(),
    };
    CommandError::new(exit, format!("{meaning}{until} ({})", verdict.code()))
        .hint(verdict.remedy())
        .docs(docs_url(verdict.code()))
}

/// Prints who paid and how much, or the whole result as JSON.
fn report(
    response: StreamedResponse,
    store: &Store,
    profile: &Profile,
    context: &Context,
) -> Result<(), CommandError> {
    let entry = store.ledger_entry(response.attempt_id)?.ok_or_else(|| {
        CommandError::new(Exit::Store, "the ledger has no entry for this request")
    })?;
    let view = AskView::new(profile, &entry, response.text, response.organization);
    let is_refused = response.failure.is_some() && view.attempt.cost_usd == 0.0;
    context.output.show(&view, |view| {
        // Refused requests are not billed.
        let billed = (!is_refused).then(|| Line::Success(cost_summary(view)));
        billed.into_iter().collect()
    })?;
    match response.failure {
        None => Ok(()),
        Some((verdict, message)) => {
            let message =
                message.map(|message| sanitize_line(&message, MAX_ERROR_TEXT).into_owned());
            Err(request_error(verdict, context)
                .with_causes(message.map(|message| format!("the upstream replied: {message}"))))
        }
    }
}

fn cost_summary(view: &AskView) -> String {
    let AskView { attempt, .. } = view;
    let organization = view
        .organization_id
        .as_deref()
        .map(|id| format!(", organization {id}"))
        .unwrap_or_default();
    let tokens = attempt.tokens;
    let classes = [
        ("input", tokens.input_tokens),
        ("output", tokens.output_tokens),
        ("cache read", tokens.cache_read_tokens),
        ("cache write (5m)", tokens.cache_write_5m_tokens),
        ("cache write (1h)", tokens.cache_write_1h_tokens),
    ];
    let classes: Vec<String> = classes
        .iter()
        .filter(|(class, count)| *count > 0 || matches!(*class, "input" | "output"))
        .map(|(class, count)| format!("{} {class}", thousands(*count)))
        .collect();
    let payer = if attempt.simulated {
        "simulated"
    } else {
        view.billing
    };
    format!(
        "Paid by profile `{}` ({payer}{organization}): {} tokens, {} USD, {}",
        attempt.profile.as_deref().unwrap_or_default(),
        classes.join(", "),
        dollars(attempt.cost_usd, attempt.cost_is_at_most),
        attempt
            .model_served
            .as_deref()
            .or(attempt.model_requested.as_deref())
            .unwrap_or("no model"),
    )
}

//! `ask`: one question to a model, answered on the terminal, with who paid what for it at the end.
//!
//! Invariants: it goes the way of the gateway's requests ([`keyreeve_gateway::once`]), so that it is recorded as they are;
//! the answer's text is made inert before it is shown; what was stopped is recorded as incomplete.

mod answer;

use std::io::{self, IsTerminal as _, Read as _};

use keyreeve_broker::view::{AskView, page};
use keyreeve_core::inert::inert_line;
use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::{Health, Verdict};
use keyreeve_gateway::{NotBegun, once};
use keyreeve_store::Store;
use serde_json::{Value, json};

use self::answer::Answer;
use super::serve::signal;
use super::{check, profile, usage};
use crate::error::{CommandError, Exit};
use crate::output::{Format, when};
use crate::settings::{Ask, Prompt, USUAL_MODEL};
use crate::wiring::{self, Owner, World, runtime};

/// No question is longer than the API takes (docs/facts.md#endpoints).
const LONGEST_PROMPT: usize = 32 * 1024 * 1024;
/// No text of an error is shown at greater length.
const LONGEST_SAID: usize = 300;

pub(super) fn run(ask: &Ask, world: &World) -> Result<(), CommandError> {
    let owner = wiring::owner(world)?;
    let store = owner.broker.store();
    let policy = store.policy()?;
    let profile = profile::meant(&policy, ask.profile.as_ref())?;
    let model = ask.model.as_deref().or(owner.default_model.as_deref());
    let body = body(ask, model.unwrap_or(USUAL_MODEL), &prompt(&ask.prompt)?);
    let answered = runtime()?.block_on(async {
        let stop = signal::nth(1)?;
        let answered = tokio::select! {
            answered = answered(&owner, profile, &body, world) => answered,
            () = stop => Err(CommandError::new(
                Exit::Interrupted,
                "stopped: what came until then is billed, and recorded as incomplete",
            )),
        };
        owner.broker.settled().await;
        answered
    });
    // Whatever became of it, its row is closed by now.
    store.flush()?;
    let answer = answered?;
    tell(answer, store, profile, world)
}

async fn answered(
    owner: &Owner,
    profile: &Profile,
    body: &Value,
    world: &World,
) -> Result<Answer, CommandError> {
    let begun = once(
        &owner.broker,
        &owner.upstream,
        profile,
        body.to_string().into(),
    )
    .await
    .map_err(|error| not_begun(error, world))?;
    Answer::read(begun, world).await
}

/// The question; a terminal is not waited at unless that was asked for.
fn prompt(from: &Prompt) -> Result<String, CommandError> {
    let nothing =
        || CommandError::new(Exit::Usage, "there is no question").hint("keyreeve ask 'QUESTION'");
    let text = match from {
        Prompt::Typed(text) => text.clone(),
        Prompt::StdinUnlessTerminal if io::stdin().is_terminal() => return Err(nothing()),
        Prompt::Stdin | Prompt::StdinUnlessTerminal => standard_input()?,
    };
    if text.trim().is_empty() {
        return Err(nothing());
    }
    Ok(text)
}

fn standard_input() -> Result<String, CommandError> {
    let failed = |error: &dyn std::error::Error| {
        CommandError::new(Exit::Failed, "could not read standard input").caused_by(error)
    };
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(LONGEST_PROMPT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.len() > LONGEST_PROMPT {
        return Err(CommandError::new(
            Exit::Usage,
            "the question is longer than the 32 MiB that the API takes",
        ));
    }
    String::from_utf8(bytes).map_err(|error| failed(&error.utf8_error()))
}

fn body(ask: &Ask, model: &str, prompt: &str) -> Value {
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

fn not_begun(error: NotBegun, world: &World) -> CommandError {
    match error {
        NotBegun::Lease(error) => error.into(),
        NotBegun::Request(_) => CommandError::of(Exit::Failed, &error),
        NotBegun::NoAnswer {
            verdict,
            ref source,
        } => refused(verdict, world).caused_by(source.as_ref()),
    }
}

/// A question that got no whole good answer: in words, with what to do and where to read about it.
fn refused(verdict: Verdict, world: &World) -> CommandError {
    let exit = check::exit(verdict.health()).unwrap_or(Exit::Failed);
    let until = verdict.until().map_or_else(String::new, |at| {
        format!(" until {}", when(at, &world.clock_now()))
    });
    let words = match verdict.health() {
        Health::NotForThis => "the request was refused",
        health => health.words(),
    };
    CommandError::new(exit, format!("{words}{until} ({})", verdict.code())).hint(format!(
        "{} More: {}",
        verdict.remedy(),
        page(verdict.code())
    ))
}

/// Says who paid what, or hands a program the whole of it.
fn tell(
    answer: Answer,
    store: &Store,
    profile: &Profile,
    world: &World,
) -> Result<(), CommandError> {
    let row = store
        .attempt(answer.attempt)?
        .ok_or_else(|| CommandError::new(Exit::Store, "the ledger has no row of this question"))?;
    let view = AskView::of(profile, &row, answer.text, answer.organization);
    match world.output.format() {
        Format::Json => world.output.document(&view)?,
        // What was refused is not billed.
        Format::Human if answer.failed.is_some() && view.attempt.cost_usd == 0.0 => {}
        Format::Human => world.output.note(&who_paid(&view)),
    }
    match answer.failed {
        None => Ok(()),
        Some((verdict, said)) => {
            let said = said.map(|said| inert_line(&said, LONGEST_SAID).into_owned());
            Err(refused(verdict, world)
                .because(said.map(|said| format!("the upstream says: {said}"))))
        }
    }
}

fn who_paid(view: &AskView) -> String {
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
        ("write 5m", tokens.cache_write_5m_tokens),
        ("write 1h", tokens.cache_write_1h_tokens),
    ];
    let classes: Vec<String> = classes
        .iter()
        .filter(|(class, count)| *count > 0 || matches!(*class, "input" | "output"))
        .map(|(class, count)| format!("{class} {count}"))
        .collect();
    let payer = if attempt.simulated {
        "nobody, simulated"
    } else {
        view.billing
    };
    format!(
        "paid by profile `{}` ({payer}{organization}): {}, {} usd, {}",
        attempt.profile.as_deref().unwrap_or_default(),
        classes.join(", "),
        usage::dollars(attempt.cost_usd, attempt.cost_is_at_most),
        attempt
            .model_served
            .as_deref()
            .or(attempt.model_asked.as_deref())
            .unwrap_or("no model"),
    )
}

//! `requests`: the newest requests of the ledger, or their attempts.

use keyreeve_broker::wire::{AttemptView, AttemptsView, RequestView, RequestsView};
use keyreeve_core::clock::Clock;
use keyreeve_core::select::MAX_ATTEMPTS;

use crate::args::RequestsArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Format, Table, local_time, thousands};
use crate::render::cost::{SIMULATED_MARK, dollars, explain_mark, plan_equivalent};

pub(super) fn run(args: &RequestsArgs, context: &Context) -> Result<(), CommandError> {
    if args.attempts {
        attempts(args.limit, context)
    } else {
        requests(args.limit, context)
    }
}

fn requests(limit: u32, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let entries = store.ledger_entries(limit.saturating_mul(MAX_ATTEMPTS))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let view = RequestsView::from_entries(&entries, limit);
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    if view.requests.is_empty() {
        context.output.success("No requests yet");
        return Ok(());
    }
    let table = requests_table(&view.requests, &context.clock());
    context.output.table(&table)?;
    explain_mark(view.requests.iter().any(|row| row.simulated), context);
    Ok(())
}

fn attempts(limit: u32, context: &Context) -> Result<(), CommandError> {
    let entries = context.open_store()?.ledger_entries(limit)?;
    let view = AttemptsView {
        attempts: entries.iter().map(AttemptView::from).collect(),
    };
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    if view.attempts.is_empty() {
        context.output.success("No requests yet");
        return Ok(());
    }
    let table = attempts_table(&view.attempts, &context.clock());
    context.output.table(&table)?;
    explain_mark(view.attempts.iter().any(|row| row.simulated), context);
    Ok(())
}

fn requests_table(requests: &[RequestView], clock: &Clock) -> Table {
    let mut table = Table::new(&[
        ("started", Align::Left),
        ("key", Align::Left),
        ("profile", Align::Left),
        ("model", Align::Left),
        ("result", Align::Left),
        ("tokens", Align::Right),
        ("usd", Align::Right),
        ("ms", Align::Right),
    ])
    .omit_if_narrow(&["ms"]);
    for request in requests {
        let model = request.model_served.as_ref();
        let model = model.or(request.model_requested.as_ref());
        table.row([
            local_time(&request.started_at, clock),
            request.key.clone().unwrap_or_default(),
            request.profile.clone().unwrap_or_default(),
            model.cloned().unwrap_or_default(),
            request_result(request),
            thousands(request.tokens.total()),
            cost(
                request.equivalent_usd,
                dollars(request.cost_usd, request.cost_is_at_most),
                request.simulated,
            ),
            request.duration_ms.map(thousands).unwrap_or_default(),
        ]);
    }
    table
}

fn attempts_table(attempts: &[AttemptView], clock: &Clock) -> Table {
    let mut table = Table::new(&[
        ("started", Align::Left),
        ("key", Align::Left),
        ("profile", Align::Left),
        ("reason", Align::Left),
        ("model", Align::Left),
        ("result", Align::Left),
        ("tokens", Align::Right),
        ("usd", Align::Right),
        ("ms", Align::Right),
    ])
    .omit_if_narrow(&["ms", "tokens"]);
    for attempt in attempts {
        let model = attempt.model_served.as_ref();
        let model = model.or(attempt.model_requested.as_ref());
        table.row([
            local_time(&attempt.started_at, clock),
            attempt.key.clone().unwrap_or_default(),
            attempt.profile.clone().unwrap_or_default(),
            reason(attempt),
            model.cloned().unwrap_or_default(),
            result(attempt.status, attempt.verdict.as_deref(), attempt.ending),
            thousands(attempt.tokens.total()),
            cost(
                attempt.equivalent_usd,
                dollars(attempt.cost_usd, attempt.cost_is_at_most),
                attempt.simulated,
            ),
            attempt.duration_ms.map(thousands).unwrap_or_default(),
        ]);
    }
    table
}

/// Returns the result of a request, and the number of its attempts if there were several.
fn request_result(request: &RequestView) -> String {
    let result = result(request.status, request.verdict.as_deref(), request.ending);
    match request.attempts {
        0 | 1 => result,
        attempts => format!("{result}, {attempts} attempts"),
    }
}

/// Returns the status, and the verdict or ending unless it is that of a good response.
fn result(status: Option<u16>, verdict: Option<&str>, ending: &str) -> String {
    let status = status.map(|status| status.to_string());
    let outcome = match (verdict, ending) {
        (None | Some("ok"), "done") => None,
        (None | Some("ok"), ending) => Some(ending.to_owned()),
        (Some(verdict), _) => Some(verdict.to_owned()),
    };
    status
        .into_iter()
        .chain(outcome)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns why this profile was selected, and the number of the attempt unless it is the first.
fn reason(attempt: &AttemptView) -> String {
    match attempt.number {
        1 => attempt.reason.to_owned(),
        number => format!("{} ({number})", attempt.reason),
    }
}

fn cost(equivalent_usd: Option<f64>, paid: String, simulated: bool) -> String {
    let cost = equivalent_usd.map_or(paid, plan_equivalent);
    if simulated {
        format!("{cost}{SIMULATED_MARK}")
    } else {
        cost
    }
}

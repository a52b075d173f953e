//! `requests`: the newest requests of the ledger, or their attempts.

use keyreeve_broker::view::{AttemptView, AttemptsView, RequestView, RequestsView};
use keyreeve_core::clock::Clock;
use keyreeve_core::select::MAX_ATTEMPTS;

use super::usage::{dollars, plan_equivalent};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Format, Table, thousands};
use crate::settings::{RequestDetail, RequestsQuery};

/// Marks the cost of a request to a sandbox.
const SIMULATED_MARK: &str = "*";

pub(super) fn run(query: RequestsQuery, context: &Context) -> Result<(), CommandError> {
    match query.detail {
        RequestDetail::Requests => requests(query.limit, context),
        RequestDetail::Attempts => attempts(query.limit, context),
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
    ]);
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
        ("status", Align::Right),
        ("ending", Align::Left),
        ("tokens", Align::Right),
        ("usd", Align::Right),
        ("ms", Align::Right),
    ]);
    for attempt in attempts {
        let model = attempt.model_served.as_ref();
        let model = model.or(attempt.model_requested.as_ref());
        let status = attempt.status.map(|status| status.to_string());
        table.row([
            local_time(&attempt.started_at, clock),
            attempt.key.clone().unwrap_or_default(),
            attempt.profile.clone().unwrap_or_default(),
            reason(attempt),
            model.cloned().unwrap_or_default(),
            status.unwrap_or_default(),
            with_verdict(attempt.ending, attempt.verdict.as_deref()),
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

/// Returns the status, or how the request ended without a good one, and the number of attempts if there were several.
fn request_result(request: &RequestView) -> String {
    let status = request.status.map(|status| status.to_string());
    let outcome = match (request.verdict.as_deref(), request.ending) {
        (None | Some("ok"), "done") => None,
        (Some("ok") | None, ending) => Some(ending),
        (Some(verdict), _) => Some(verdict),
    };
    let result = status.into_iter().chain(outcome.map(ToOwned::to_owned));
    let result = result.collect::<Vec<_>>().join(" ");
    match request.attempts {
        0 | 1 => result,
        attempts => format!("{result}, {attempts} attempts"),
    }
}

/// Returns why this profile was selected, and the number of the attempt unless it is the first.
fn reason(attempt: &AttemptView) -> String {
    match attempt.number {
        1 => attempt.reason.to_owned(),
        number => format!("{} ({number})", attempt.reason),
    }
}

fn with_verdict(ending: &str, verdict: Option<&str>) -> String {
    match verdict {
        None | Some("ok") => ending.to_owned(),
        Some(verdict) => format!("{ending} ({verdict})"),
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

fn explain_mark(has_simulated: bool, context: &Context) {
    if has_simulated {
        context
            .output
            .note(&format!("{SIMULATED_MARK} simulated: nothing was billed"));
    }
}

/// Formats an RFC 3339 time in the user's zone.
fn local_time(rfc3339: &str, clock: &Clock) -> String {
    let at = rfc3339.parse();
    at.map_or_else(|_| rfc3339.to_owned(), |at| clock.format(at))
}

//! `requests`: the newest requests of the ledger, or their attempts.

use keyreeve_broker::admin::ledger;
use keyreeve_broker::wire::{AttemptView, AttemptsView, RequestView, RequestsView};
use keyreeve_core::clock::Clock;

use crate::args::RequestsArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Line, Table, local_time, thousands};
use crate::render::cost::{SIMULATED_MARK, dollars, mark_explanation, plan_equivalent};

pub(super) fn run(args: &RequestsArgs, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let (output, clock) = (&context.output, context.clock());
    if args.attempts {
        let view = ledger::newest_attempts(&store, args.limit)?;
        Ok(output.show(&view, |view| attempts(view, &clock))?)
    } else {
        let view = ledger::newest_requests(&store, args.limit)?;
        Ok(output.show(&view, |view| requests(view, &clock))?)
    }
}

fn requests(view: &RequestsView, clock: &Clock) -> Vec<Line> {
    if view.requests.is_empty() {
        return nothing_yet();
    }
    let has_simulated = view.requests.iter().any(|row| row.simulated);
    std::iter::once(Line::Table(requests_table(&view.requests, clock)))
        .chain(mark_explanation(has_simulated))
        .collect()
}

fn attempts(view: &AttemptsView, clock: &Clock) -> Vec<Line> {
    if view.attempts.is_empty() {
        return nothing_yet();
    }
    let has_simulated = view.attempts.iter().any(|row| row.simulated);
    std::iter::once(Line::Table(attempts_table(&view.attempts, clock)))
        .chain(mark_explanation(has_simulated))
        .collect()
}

fn nothing_yet() -> Vec<Line> {
    vec![Line::Success("No requests yet".to_owned())]
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

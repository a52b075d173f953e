//! `usage`: sums of tokens and cost.

use keyreeve_broker::admin::ledger;
use keyreeve_broker::wire::{UsageRowView, UsageView};
use keyreeve_store::UsageQuery;

use crate::args::UsageArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, Line, Table, thousands};
use crate::render::cost::{SIMULATED_MARK, dollars, mark_explanation, plan_equivalent};

pub(super) fn run(usage: &UsageArgs, context: &Context) -> Result<(), CommandError> {
    let query = UsageQuery {
        since: usage.since,
        until: None,
        by: usage.by,
    };
    let view = ledger::usage(&context.open_store()?, &query)?;
    match context.output.format() {
        Format::Human if usage.csv => Ok(context.output.data(&csv(&view)?)?),
        Format::Human | Format::Json => Ok(context.output.show(&view, render)?),
    }
}

fn render(view: &UsageView) -> Vec<Line> {
    if view.rows.is_empty() {
        return vec![Line::Success("No requests yet".to_owned())];
    }
    let has_simulated = view.rows.iter().any(|row| row.simulated);
    std::iter::once(Line::Table(table(view)))
        .chain(mark_explanation(has_simulated))
        .collect()
}

fn table(view: &UsageView) -> Table {
    let mut table = Table::new(&[
        (view.by, Align::Left),
        ("requests", Align::Right),
        ("input", Align::Right),
        ("output", Align::Right),
        ("cache read", Align::Right),
        ("write 5m", Align::Right),
        ("write 1h", Align::Right),
        ("usd", Align::Right),
        ("", Align::Left),
    ]);
    for row in view.rows.iter().chain([&view.total]) {
        table.row([
            row.name.clone().unwrap_or_else(|| "-".to_owned()),
            thousands(row.requests),
            thousands(row.tokens.input_tokens),
            thousands(row.tokens.output_tokens),
            thousands(row.tokens.cache_read_tokens),
            thousands(row.tokens.cache_write_5m_tokens),
            thousands(row.tokens.cache_write_1h_tokens),
            cost(row),
            remarks(row),
        ]);
    }
    table
}

fn cost(row: &UsageRowView) -> String {
    let mark = if row.simulated { SIMULATED_MARK } else { "" };
    format!("{}{mark}", dollars(row.cost_usd, row.cost_is_at_most))
}

fn remarks(row: &UsageRowView) -> String {
    let simulated = match row.simulated_attempts {
        0 => None,
        _ if row.simulated => None,
        simulated => Some(format!(
            "{} of {} attempts simulated",
            thousands(simulated),
            thousands(row.attempts)
        )),
    };
    let plan = (row.equivalent_usd > 0.0).then(|| plan_equivalent(row.equivalent_usd));
    let remarks: Vec<String> = plan.into_iter().chain(simulated).collect();
    remarks.join("; ")
}

fn csv(view: &UsageView) -> Result<String, CommandError> {
    let failed =
        |error: csv::Error| CommandError::new(Exit::Failed, "cannot write CSV").caused_by(&error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            view.by,
            "requests",
            "attempts",
            "failed",
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
            "web_searches",
            "cost_usd",
            "cost_is_at_most",
            "simulated_attempts",
            "equivalent_usd",
        ])
        .map_err(failed)?;
    for row in &view.rows {
        let counts = [
            row.requests,
            row.attempts,
            row.failed,
            row.tokens.input_tokens,
            row.tokens.output_tokens,
            row.tokens.cache_read_tokens,
            row.tokens.cache_write_5m_tokens,
            row.tokens.cache_write_1h_tokens,
            row.web_searches,
        ];
        let mut record = vec![cell(row.name.as_deref().unwrap_or_default())];
        record.extend(counts.map(|count| count.to_string()));
        record.extend([
            row.cost_usd.to_string(),
            row.cost_is_at_most.to_string(),
            row.simulated_attempts.to_string(),
            row.equivalent_usd.to_string(),
        ]);
        writer.write_record(record).map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| CommandError::new(Exit::Failed, "cannot write CSV").caused_by(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Escapes a foreign name that a spreadsheet would read as a formula.
fn cell(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@']) {
        format!("'{name}")
    } else {
        name.to_owned()
    }
}

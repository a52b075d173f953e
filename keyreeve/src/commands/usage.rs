//! `usage`: tokens and cost, summed up.

use keyreeve_broker::view::{UsageRowView, UsageView};
use keyreeve_store::{Grouping, UsageQuery};

use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, Table};
use crate::settings::{Dimension, Rows, Usage};
use crate::wiring::World;

pub(super) fn run(usage: Usage, world: &World) -> Result<(), CommandError> {
    let query = UsageQuery {
        since: usage.since,
        until: None,
        by: grouping(usage.by),
    };
    let view = UsageView::of(&query, &world.store()?.usage(&query)?);
    match (world.output.format(), usage.rows) {
        (Format::Json, _) => Ok(world.output.document(&view)?),
        (Format::Human, Rows::Csv) => Ok(world.output.data(&csv(&view)?)?),
        (Format::Human, Rows::Table) if view.rows.is_empty() => {
            world.output.note("nothing was asked yet");
            Ok(())
        }
        (Format::Human, Rows::Table) => tell(&view, world),
    }
}

fn grouping(by: Dimension) -> Grouping {
    match by {
        Dimension::Key => Grouping::Key,
        Dimension::Profile => Grouping::Profile,
        Dimension::Model => Grouping::Model,
        Dimension::Day => Grouping::Day,
        Dimension::Session => Grouping::Session,
    }
}

fn tell(view: &UsageView, world: &World) -> Result<(), CommandError> {
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
    let all: &[&UsageRowView] = &view.rows.iter().chain([&view.total]).collect::<Vec<_>>();
    for row in all {
        table.row([
            row.name.clone().unwrap_or_else(|| "-".to_owned()),
            row.requests.to_string(),
            row.tokens.input_tokens.to_string(),
            row.tokens.output_tokens.to_string(),
            row.tokens.cache_read_tokens.to_string(),
            row.tokens.cache_write_5m_tokens.to_string(),
            row.tokens.cache_write_1h_tokens.to_string(),
            dollars(row.cost_usd, row.cost_is_at_most),
            mark(row),
        ]);
    }
    Ok(world.output.table(&table)?)
}

/// An amount for people: six digits after the point, and a sign before an upper bound.
pub(super) fn dollars(usd: f64, is_at_most: bool) -> String {
    let sign = if is_at_most { "<= " } else { "" };
    format!("{sign}{usd:.6}")
}

fn mark(row: &UsageRowView) -> String {
    let simulated = match row.simulated_attempts {
        0 => None,
        _ if row.simulated => Some("simulated".to_owned()),
        some => Some(format!("{some} of {} attempts simulated", row.attempts)),
    };
    let by_plan = (row.equivalent_usd > 0.0).then(|| by_plan(row.equivalent_usd));
    let marks: Vec<String> = by_plan.into_iter().chain(simulated).collect();
    marks.join("; ")
}

/// What a plan paid for, at the API's prices: beside the money, never in it.
pub(super) fn by_plan(equivalent_usd: f64) -> String {
    format!("a plan paid, worth about {equivalent_usd:.6}")
}

fn csv(view: &UsageView) -> Result<String, CommandError> {
    let failed = |error: csv::Error| {
        CommandError::new(Exit::Failed, "could not write CSV").caused_by(&error)
    };
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
    let bytes = writer.into_inner().map_err(|error| {
        CommandError::new(Exit::Failed, "could not write CSV").caused_by(&error)
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A name from outside must not be a formula to a spreadsheet.
fn cell(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@']) {
        format!("'{name}")
    } else {
        name.to_owned()
    }
}

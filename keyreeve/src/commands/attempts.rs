//! `attempts`: the newest rows of the ledger, one an attempt.

use keyreeve_broker::view::{AttemptView, AttemptsView};

use crate::error::CommandError;
use crate::output::{Align, Format, Table, to_the_second};
use crate::settings::Attempts;
use crate::wiring::World;

pub(super) fn run(attempts: Attempts, world: &World) -> Result<(), CommandError> {
    let rows = world.store()?.attempts(attempts.limit)?;
    let view = AttemptsView {
        attempts: rows.iter().map(AttemptView::from).collect(),
    };
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    if view.attempts.is_empty() {
        world.output.note("nothing was asked yet");
        return Ok(());
    }
    Ok(world.output.table(&table(&view.attempts))?)
}

fn table(attempts: &[AttemptView]) -> Table {
    let mut table = Table::new(&[
        ("started", Align::Left),
        ("key", Align::Left),
        ("profile", Align::Left),
        ("why", Align::Left),
        ("model", Align::Left),
        ("status", Align::Right),
        ("ending", Align::Left),
        ("tokens", Align::Right),
        ("usd", Align::Right),
        ("ms", Align::Right),
    ]);
    for row in attempts {
        let model = row.model_served.as_ref().or(row.model_asked.as_ref());
        table.row([
            to_the_second(&row.started_at),
            row.key.clone().unwrap_or_default(),
            row.profile.clone().unwrap_or_default(),
            why(row),
            model.cloned().unwrap_or_default(),
            row.status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            ending(row),
            row.tokens.total().to_string(),
            usd(row),
            row.duration_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

/// Why it was this profile, and which attempt of its request it was, if it was not the first.
fn why(row: &AttemptView) -> String {
    match row.number {
        1 => row.reason.to_owned(),
        number => format!("{} ({number})", row.reason),
    }
}

/// How it ended, and what the answer meant where it was not simply good.
fn ending(row: &AttemptView) -> String {
    match row.verdict.as_deref() {
        None | Some("ok") => row.ending.to_owned(),
        Some(verdict) => format!("{} ({verdict})", row.ending),
    }
}

fn usd(row: &AttemptView) -> String {
    let amount = row.equivalent_usd.map_or_else(
        || super::usage::dollars(row.cost_usd, row.cost_is_at_most),
        super::usage::by_plan,
    );
    if row.simulated {
        format!("{amount} (simulated)")
    } else {
        amount
    }
}

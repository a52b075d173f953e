//! `statusline`: prints one line for Claude Code's status line: who pays for the session, the plan's windows, and the cost.
//!
//! Invariants: it succeeds whatever its input and the state of the store; nothing is sent or started, no store is created, no
//! secret is decrypted, and it waits for no other process; problems are reported only with `--verbose`.

mod gather;
mod settings;

use std::io::{self, IsTerminal as _, Read as _};

use keyreeve_broker::wire::StatuslineView;
use keyreeve_resolver::resolve::resolve;
use keyreeve_resolver::statusline::{
    SessionInput, limit_owner, new_observations, render_line, warnings,
};

use crate::args::StatuslineArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use gather::{QuickStore, SessionSnapshot};

/// Maximum input in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

pub(super) fn run(statusline: &StatuslineArgs, context: &Context) -> Result<(), CommandError> {
    if statusline.print_settings {
        return settings::print(context);
    }
    if io::stdin().is_terminal() {
        return Err(CommandError::new(
            Exit::Usage,
            "this command reads a JSON object that Claude Code pipes to it, not a terminal",
        )
        .fix("keyreeve statusline --print-settings"));
    }
    print_line(statusline, context)
}

fn print_line(statusline: &StatuslineArgs, context: &Context) -> Result<(), CommandError> {
    let report = |text: &str| {
        if statusline.verbose {
            context.output.note(text);
        }
    };
    let now = context.snapshot.now;
    let input = SessionInput::read(&read_stdin(), now).unwrap_or_else(|| {
        report("Standard input is not a JSON object of at most 1 MiB; session data is missing");
        SessionInput::default()
    });
    let mut store = QuickStore::open(context, &report);
    let SessionSnapshot { snapshot, client } =
        gather::gather_session(&input, store.keyreeve_state(&report), context);
    let resolution = resolve(&snapshot, client);
    let warnings = warnings(&snapshot, &resolution, &input);
    let line = render_line(&resolution, &warnings, &input, &context.clock());
    match context.output.format() {
        Format::Human => context.output.styled_line(line.parts())?,
        Format::Json => context.output.document(&StatuslineView {
            line: line.text(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
            session: (&input).into(),
            resolution: (&resolution).into(),
        })?,
    }
    // The line is printed already; what follows cannot fail it.
    match limit_owner(&snapshot, &resolution) {
        Some(owner) if !input.windows.is_empty() => {
            store.record_limits(
                |saved| new_observations(&owner, saved, &input, now),
                &report,
            );
        }
        Some(_) => {
            report("The session reports no plan windows; nothing is saved for `keyreeve limits`");
        }
        None => report(
            "Claude Code's own login does not pay here; nothing is saved for `keyreeve limits`",
        ),
    }
    Ok(())
}

/// Reads standard input; returns nothing if it is unreadable or too long.
fn read_stdin() -> Vec<u8> {
    let mut bytes = Vec::new();
    match io::stdin()
        .lock()
        .take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
    {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= MAX_INPUT) => bytes,
        Ok(_) | Err(_) => Vec::new(),
    }
}

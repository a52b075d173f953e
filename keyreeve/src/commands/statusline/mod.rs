//! `statusline`: who pays for a session of Claude Code, the windows of the plan, and the cost, on one line.
//!
//! Invariants: it ends well whatever it is piped and however the store is; nothing is sent or started, no store is made,
//! no secret is opened, and no other process is waited for; what goes wrong is told only where that was asked for.

mod look;
mod settings;

use std::io::{self, IsTerminal as _, Read as _};

use keyreeve_broker::view::StatuslineView;
use keyreeve_core::resolve::resolve;
use keyreeve_core::statusline::{Input, line, news, owner, warnings};

use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings::{Statusline, Trouble};
use crate::wiring::World;
use look::{Kept, Looked};

/// No session has more to say than this.
const LIMIT: u64 = 1024 * 1024;

pub(super) fn run(statusline: Statusline, world: &World) -> Result<(), CommandError> {
    match statusline {
        Statusline::Settings => settings::print(world),
        Statusline::Line(_) if io::stdin().is_terminal() => Err(CommandError::new(
            Exit::Usage,
            "Claude Code pipes to this command what it shows: there is nothing to type here",
        )
        .hint("keyreeve statusline --print-settings")),
        Statusline::Line(trouble) => say(trouble, world),
    }
}

fn say(trouble: Trouble, world: &World) -> Result<(), CommandError> {
    let told = |text: &str| match trouble {
        Trouble::Told => world.output.note(text),
        Trouble::Passed => {}
    };
    let now = world.snapshot.now;
    let input = Input::read(&piped(), now).unwrap_or_else(|| {
        told("what was piped is no JSON object of up to 1 MiB: the session told nothing");
        Input::default()
    });
    let mut kept = Kept::at(world, &told);
    let Looked { snapshot, client } = look::at(&input, kept.own(&told), world);
    let resolution = resolve(&snapshot, client);
    let warnings = warnings(&snapshot, &resolution, &input);
    let line = line(&resolution, &warnings, &input, &world.clock());
    match world.output.format() {
        Format::Human => world.output.painted(line.parts())?,
        Format::Json => world.output.document(&StatuslineView {
            line: line.text(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
            session: (&input).into(),
            resolution: (&resolution).into(),
        })?,
    }
    // The line is out, whatever becomes of this.
    match owner(&snapshot, &resolution) {
        Some(owner) if !input.windows.is_empty() => {
            kept.keep(|known| news(&owner, known, &input, now), &told);
        }
        Some(_) => told("the session told no windows: nothing is kept for `keyreeve limits`"),
        None => told("not Claude Code's own login pays: nothing is kept for `keyreeve limits`"),
    }
    Ok(())
}

/// What was piped, and one byte more than may be. What cannot be read was not piped.
fn piped() -> Vec<u8> {
    let mut bytes = Vec::new();
    match io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes) {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= LIMIT) => bytes,
        Ok(_) | Err(_) => Vec::new(),
    }
}

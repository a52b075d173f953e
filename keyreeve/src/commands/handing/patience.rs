//! How long a client is left waiting: a second for what is ours, nine for a program that must be asked for a secret
//! (security promise P10; Claude Code complains after ten).
//!
//! Invariant: whoever is late is left behind: the process ends without waiting for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use keyreeve_os::deadline::Deadline;

use super::{Asker, Handed};
use crate::error::{CommandError, Exit};
use crate::settings::Whose;
use crate::wiring::World;

/// For files, the store and the gateway.
const OURS: Duration = Duration::from_millis(980);
/// For a source that runs a program or asks another machine.
const THEIRS: Duration = Duration::from_secs(9);

/// What is told while a client waits.
pub(super) enum Told {
    /// A source is asked, which may take its time.
    Asking,
    /// This is what is handed out.
    Handed(Result<Handed, CommandError>),
}

/// The way to tell it.
pub(super) type Teller = Sender<Told>;

/// Finds what to hand out, and gives up where that takes too long.
///
/// # Errors
/// As of [`super::find`]; exit 7 where the store is too slow, 4 where a source is.
pub(in crate::commands) fn hand(
    whose: Whose,
    asker: Asker,
    world: World,
) -> Result<Handed, CommandError> {
    let (teller, told) = channel();
    let started = std::thread::Builder::new().spawn(move || {
        let handed = super::find(&whose, asker, (&world, &teller));
        // Nobody listens any more where it took too long.
        drop(teller.send(Told::Handed(handed)));
    });
    let _left_behind = started.map_err(|error| {
        CommandError::new(Exit::Failed, "could not start a thread").caused_by(&error)
    })?;
    wait(&told)
}

fn wait(told: &Receiver<Told>) -> Result<Handed, CommandError> {
    let late = || {
        CommandError::new(
            Exit::Store,
            "keyreeve's own files did not answer within a second",
        )
        .hint("keyreeve store info")
    };
    match told.recv_timeout(OURS) {
        Ok(Told::Handed(handed)) => return handed,
        Ok(Told::Asking) => {}
        Err(_) => return Err(late()),
    }
    let deadline = Deadline::after(THEIRS);
    while let Some(left) = deadline.left() {
        match told.recv_timeout(left) {
            Ok(Told::Handed(handed)) => return handed,
            Ok(Told::Asking) => {}
            Err(_) => break,
        }
    }
    Err(CommandError::new(
        Exit::Credential,
        "the profile's source did not answer within 9 seconds",
    )
    .hint("keyreeve profile list"))
}

//! Time limits for a waiting client: 1 s for local work, 9 s for a credential source that runs a program (security promise
//! P10; Claude Code complains after 10 s).
//!
//! Invariant: work that is late is abandoned: the process ends without waiting for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use keyreeve_os::deadline::Deadline;

use super::{Caller, ClientCredential, CredentialChoice};
use crate::context::Context;
use crate::error::{CommandError, Exit};

/// Time limit for files, the store and the gateway.
const LOCAL_TIMEOUT: Duration = Duration::from_millis(980);
/// Time limit for a source that runs a program or connects to another machine.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(9);

/// Progress of the search while a client waits.
pub(super) enum Progress {
    /// A credential source is being asked, which may be slow.
    AskingSource,
    /// The search has ended.
    Done(Result<ClientCredential, CommandError>),
}

/// Sends progress to the waiting thread.
pub(super) type ProgressSender = Sender<Progress>;

/// Finds the key for a client within the time limits.
///
/// # Errors
/// See [`super::find`]; exit 7 if the store is too slow, 4 if a source is.
pub(crate) fn find_in_time(
    choice: CredentialChoice,
    caller: Caller,
    context: Context,
) -> Result<ClientCredential, CommandError> {
    let (sender, receiver) = channel();
    let started = std::thread::Builder::new().spawn(move || {
        let credential = super::find(&choice, caller, (&context, &sender));
        // The receiver is gone if the time limit has passed.
        drop(sender.send(Progress::Done(credential)));
    });
    let _detached = started.map_err(|error| {
        CommandError::new(Exit::Failed, "cannot start a thread").caused_by(&error)
    })?;
    wait(&receiver)
}

fn wait(receiver: &Receiver<Progress>) -> Result<ClientCredential, CommandError> {
    let late = || {
        CommandError::new(
            Exit::Store,
            "keyreeve's store or gateway did not respond within 1 s",
        )
        .fix("keyreeve store info")
    };
    match receiver.recv_timeout(LOCAL_TIMEOUT) {
        Ok(Progress::Done(credential)) => return credential,
        Ok(Progress::AskingSource) => {}
        Err(_) => return Err(late()),
    }
    let deadline = Deadline::after(SOURCE_TIMEOUT);
    while let Some(remaining) = deadline.remaining() {
        match receiver.recv_timeout(remaining) {
            Ok(Progress::Done(credential)) => return credential,
            Ok(Progress::AskingSource) => {}
            Err(_) => break,
        }
    }
    Err(CommandError::new(
        Exit::Credential,
        "the profile's credential source did not respond within 9 s",
    )
    .fix("keyreeve profile list"))
}

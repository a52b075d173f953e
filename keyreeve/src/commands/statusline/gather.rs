//! Gathers what decides the status line: the session's arguments and directory, and a quick read of the store.
//!
//! Invariant: a store that is missing, busy, damaged or of another version costs only the information in it.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use keyreeve_core::limits::LimitObservation;
use keyreeve_os::file_system::{FileState, FileSystem};
use keyreeve_os::system;
use keyreeve_resolver::claude_code::{Arguments, Mode};
use keyreeve_resolver::machine::{Machine, gather};
use keyreeve_resolver::resolve::{ClientProgram, Release};
use keyreeve_resolver::snapshot::{KeyreeveState, Snapshot};
use keyreeve_resolver::statusline::SessionInput;
use keyreeve_store::{QuickReader, StoreError};

use crate::context::{Context, keyreeve_state, store_paths};
use crate::variables;

/// The snapshot and the client that decide who pays for the session.
pub(super) struct SessionSnapshot {
    pub(super) snapshot: Snapshot,
    pub(super) client: ClientProgram,
}

/// Gathers what the running session sees: the environment of this process, and the directory that the session reports, else
/// that of this process.
pub(super) fn gather_session(
    input: &SessionInput,
    keyreeve: KeyreeveState,
    context: &Context,
) -> SessionSnapshot {
    let release = input.release.unwrap_or_default();
    let arguments = session_arguments(release, context);
    let mut reported = input.directories.iter();
    let directory = reported
        .find_map(|directory| system::canonical_directory(Path::new(directory)))
        .or_else(system::working_directory);
    let machine = Machine {
        environment: Arc::clone(&context.snapshot.environment),
        directory,
        files: &FileSystem::Real,
        now: context.snapshot.now,
    };
    SessionSnapshot {
        snapshot: gather(machine, &arguments, keyreeve),
        client: ClientProgram::claude_code_release(release).with_arguments(&arguments),
    }
}

/// Returns the session's command-line arguments. They are read from its process if the release reports its process id, and
/// assumed for older ones (docs/facts.md#claude-code-statusline).
fn session_arguments(release: Release, context: &Context) -> Arguments {
    let default = Arguments {
        mode: Mode::Interactive,
        ..Arguments::default()
    };
    let pid = match release {
        Release::V2_1_197 => return default,
        Release::V2_1_260 | Release::V2_1_329 | Release::V2_1_332 => {
            context.snapshot.environment.get(variables::CLAUDE_PID)
        }
    };
    let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
        return default;
    };
    match FileSystem::Real.read(Path::new(&format!("/proc/{pid}/cmdline"))) {
        FileState::Text(file) if file.is_ours => {
            Arguments::parse(file.text.split_terminator('\0').skip(1))
        }
        FileState::Text(_) | FileState::Missing | FileState::Unreadable => default,
    }
}

/// The store, if it can be read without waiting.
pub(super) struct QuickStore(Option<QuickReader>);

impl QuickStore {
    pub(super) fn open(context: &Context, report: &impl Fn(&str)) -> Self {
        let Ok(dirs) = context.dirs() else {
            report("Cannot find keyreeve's directories; see `keyreeve config path`");
            return Self(None);
        };
        Self(match QuickReader::open(&store_paths(&dirs)) {
            Ok(Some(reader)) => Some(reader),
            Ok(None) => {
                report("There is no store: no binding applies, and nothing is saved");
                None
            }
            Err(error) => {
                report(&failure_text("Cannot read the store", &error));
                None
            }
        })
    }

    /// Returns the profiles and bindings that resolution needs.
    pub(super) fn keyreeve_state(&self, report: &impl Fn(&str)) -> KeyreeveState {
        match self.0.as_ref().map(QuickReader::policy) {
            Some(Ok(policy)) => keyreeve_state(&policy),
            Some(Err(error)) => {
                report(&failure_text("Cannot read profiles and bindings", &error));
                KeyreeveState::default()
            }
            None => KeyreeveState::default(),
        }
    }

    /// Saves the observations that are new compared with the saved ones.
    pub(super) fn record_limits(
        &mut self,
        new_observations: impl FnOnce(&[LimitObservation]) -> Vec<LimitObservation>,
        report: &impl Fn(&str),
    ) {
        let Some(reader) = &mut self.0 else {
            return;
        };
        let result = reader.limits().and_then(|saved| {
            let new_observations = new_observations(&saved);
            if new_observations.is_empty() {
                return Ok(());
            }
            reader.save_limits(&new_observations)
        });
        if let Err(error) = result {
            report(&failure_text("Cannot save the plan windows", &error));
        }
    }
}

fn failure_text(message: &str, error: &StoreError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{message}: {error}{}", cause.unwrap_or_default())
}

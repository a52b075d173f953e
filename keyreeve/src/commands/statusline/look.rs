//! What is looked at for the line: the session's own start and directory, and a glance at the store.
//!
//! Invariant: a store that is missing, busy, damaged or of another release takes away what only it knows, and nothing else.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use keyreeve_broker::gather::{Machine, gather};
use keyreeve_core::claude_code::{Arguments, Mode};
use keyreeve_core::limits::Seen;
use keyreeve_core::resolve::{Client, Release};
use keyreeve_core::snapshot::{Own, Snapshot};
use keyreeve_core::statusline::Input;
use keyreeve_os::look::{Files, Seen as SeenFile};
use keyreeve_os::world;
use keyreeve_store::{Error as StoreError, Glance};

use crate::variables;
use crate::wiring::{World, own, store_places};

/// What decides who pays.
pub(super) struct Looked {
    pub(super) snapshot: Snapshot,
    pub(super) client: Client,
}

/// Looks at everything that the running session looks at: it has the environment and the directory of this process, unless
/// it told a directory.
pub(super) fn at(input: &Input, own: Own, world: &World) -> Looked {
    let release = input.release.unwrap_or_default();
    let arguments = arguments(release, world);
    let mut told = input.directories.iter();
    let directory = told
        .find_map(|directory| world::real_directory(Path::new(directory)))
        .or_else(world::directory);
    let machine = Machine {
        environment: Arc::clone(&world.snapshot.environment),
        directory,
        files: &Files::OfMachine,
        now: world.snapshot.now,
    };
    Looked {
        snapshot: gather(machine, &arguments, own),
        client: Client::of_release(release).started_with(&arguments),
    }
}

/// How the session was started. A release that tells its process's number is asked by that; of an older one the usual is
/// taken for true (docs/facts.md#claude-code-statusline).
fn arguments(release: Release, world: &World) -> Arguments {
    let usual = Arguments {
        mode: Mode::Interactive,
        ..Arguments::default()
    };
    let number = match release {
        Release::V2_1_197 => return usual,
        Release::V2_1_329 => world.snapshot.environment.get(variables::CLAUDE_PID),
    };
    let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) else {
        return usual;
    };
    match Files::OfMachine.look(Path::new(&format!("/proc/{number}/cmdline"))) {
        SeenFile::Text(seen) if seen.is_ours => {
            Arguments::read(seen.text.split_terminator('\0').skip(1))
        }
        SeenFile::Text(_) | SeenFile::Nothing | SeenFile::Unreadable => usual,
    }
}

/// The store, where it can be looked at in passing.
pub(super) struct Kept(Option<Glance>);

impl Kept {
    pub(super) fn at(world: &World, told: &impl Fn(&str)) -> Self {
        let Ok(places) = world.places() else {
            told("keyreeve's directories cannot be found: `keyreeve config path` says why");
            return Self(None);
        };
        Self(match Glance::at(&store_places(&places)) {
            Ok(Some(glance)) => Some(glance),
            Ok(None) => {
                told("there is no store: no binding holds, and nothing is kept");
                None
            }
            Err(error) => {
                told(&failed("the store was not looked at", &error));
                None
            }
        })
    }

    /// What resolution needs of it.
    pub(super) fn own(&self, told: &impl Fn(&str)) -> Own {
        match self.0.as_ref().map(Glance::policy) {
            Some(Ok(policy)) => own(&policy),
            Some(Err(error)) => {
                told(&failed("profiles and bindings were not read", &error));
                Own::default()
            }
            None => Own::default(),
        }
    }

    /// Remembers what is news beside what is known.
    pub(super) fn keep(&mut self, news: impl FnOnce(&[Seen]) -> Vec<Seen>, told: &impl Fn(&str)) {
        let Some(glance) = &mut self.0 else {
            return;
        };
        let kept = glance.limits().and_then(|known| {
            let news = news(&known);
            if news.is_empty() {
                return Ok(());
            }
            glance.keep_limits(&news)
        });
        if let Err(error) = kept {
            told(&failed("the windows were not kept", &error));
        }
    }
}

fn failed(what: &str, error: &StoreError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{what}: {error}{}", cause.unwrap_or_default())
}

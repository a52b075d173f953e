//! `exec` and `env`: what was typed, parsed once, ready to use.

use std::ffi::OsString;

use keyreeve_core::launch::ProjectSettings;
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Client, Expected};

use crate::args;

pub(crate) use crate::args::EnvShell as Shell;

/// `exec`
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Exec {
    /// keyreeve becomes the program.
    Become {
        launch: Launch,
        /// The program and its arguments, as they were typed.
        argv: Vec<OsString>,
    },
    /// keyreeve stays beside the program, which has a virtual key.
    Supervise {
        launch: Launch,
        behind: Behind,
        /// The program and its arguments, as they were typed.
        argv: Vec<OsString>,
    },
}

/// What the virtual key of a program leads to.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Behind {
    /// The profile that is meant to pay.
    Meant,
    /// What this key leads to, with its limits.
    Key(Name),
}

/// `env`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Env {
    pub(crate) launch: Launch,
    pub(crate) shell: Shell,
    pub(crate) secret: Reveal,
}

/// Whether a secret is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reveal {
    /// The person asked for it.
    Shown,
    /// Nobody did.
    Hidden,
}

/// What is meant to pay.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Launch {
    pub(crate) meant: Meant,
    pub(crate) expect: Option<Expected>,
    pub(crate) client: Option<Client>,
    pub(crate) project: ProjectSettings,
}

/// Who is meant to pay.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Meant {
    /// This profile.
    Profile(Name),
    /// The program's own login.
    Native,
    /// What was chosen for the directory, or for everything.
    Chosen,
}

impl Exec {
    pub(super) fn of(typed: args::Exec) -> Self {
        let mut launch = Launch::of(typed.launch);
        if typed.native {
            launch.meant = Meant::Native;
        }
        let argv = typed.command;
        if typed.gateway {
            let behind = typed.key.map_or(Behind::Meant, Behind::Key);
            return Self::Supervise {
                launch,
                behind,
                argv,
            };
        }
        Self::Become { launch, argv }
    }
}

impl Env {
    pub(super) fn of(typed: args::Env) -> Self {
        Self {
            launch: Launch::of(typed.launch),
            shell: typed.shell,
            secret: if typed.reveal {
                Reveal::Shown
            } else {
                Reveal::Hidden
            },
        }
    }
}

impl Launch {
    fn of(typed: args::Launch) -> Self {
        Self {
            meant: typed.profile.map_or(Meant::Chosen, Meant::Profile),
            expect: typed.expect,
            client: typed.client,
            project: if typed.allow_project_settings {
                ProjectSettings::Allowed
            } else {
                ProjectSettings::Refused
            },
        }
    }
}

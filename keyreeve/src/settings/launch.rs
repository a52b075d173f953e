//! Settings of `exec` and `env`.

use std::ffi::OsString;

use keyreeve_core::expected::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::launch::ProjectSettingsPolicy;
use keyreeve_resolver::resolve::ClientProgram;

use crate::args;

pub(crate) use crate::args::EnvShell;

/// Settings of `exec`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Exec {
    /// keyreeve replaces itself with the program.
    Replace {
        launch: Launch,
        /// The program and its arguments, as typed.
        argv: Vec<OsString>,
    },
    /// keyreeve runs the program as a child, with a virtual key.
    Supervise {
        launch: Launch,
        key: GatewayKey,
        /// The program and its arguments, as typed.
        argv: Vec<OsString>,
    },
}

/// The virtual key of a program under `--gateway`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum GatewayKey {
    /// A temporary key for the profile that pays.
    ForProfile,
    /// A temporary key of this virtual key, with its limits.
    Named(Name),
}

/// Settings of `env`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Env {
    pub(crate) launch: Launch,
    pub(crate) shell: EnvShell,
    pub(crate) secret: Reveal,
}

/// Printing of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reveal {
    /// The user asked for it.
    Shown,
    /// The default.
    Hidden,
}

/// Options of `exec` and `env`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Launch {
    pub(crate) credential: LaunchCredential,
    pub(crate) expect: Option<Expected>,
    pub(crate) client: Option<ClientProgram>,
    pub(crate) project: ProjectSettingsPolicy,
}

/// The credential of a program.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum LaunchCredential {
    /// This profile.
    Profile(Name),
    /// The program's own login.
    Native,
    /// The profile bound to the directory, or else the default profile.
    Default,
}

impl Exec {
    pub(super) fn from_args(typed: args::ExecArgs) -> Self {
        let mut launch = Launch::from_args(typed.launch);
        if typed.native {
            launch.credential = LaunchCredential::Native;
        }
        let argv = typed.command;
        if typed.gateway {
            let key = typed.key.map_or(GatewayKey::ForProfile, GatewayKey::Named);
            return Self::Supervise { launch, key, argv };
        }
        Self::Replace { launch, argv }
    }
}

impl Env {
    pub(super) fn from_args(typed: args::EnvArgs) -> Self {
        Self {
            launch: Launch::from_args(typed.launch),
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
    fn from_args(typed: args::LaunchArgs) -> Self {
        Self {
            credential: typed
                .profile
                .map_or(LaunchCredential::Default, LaunchCredential::Profile),
            expect: typed.expect,
            client: typed.client,
            project: if typed.allow_project_settings {
                ProjectSettingsPolicy::Allow
            } else {
                ProjectSettingsPolicy::Refuse
            },
        }
    }
}

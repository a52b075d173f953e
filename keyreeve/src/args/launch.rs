//! `exec` and `env` as typed.

use std::ffi::OsString;

use clap::ValueEnum;
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Client, Expected};

/// `exec`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The program gets one credential and no other: what would win over it is taken out of its\n\
        environment or, where it stands in a settings file, switched off or refused by its name.\n\
        Then keyreeve becomes the program. With --gateway it stays beside it: the program gets a\n\
        virtual key that ends with it, and the credential itself never leaves keyreeve.\n\n\
        Examples:\n  \
        keyreeve exec --native -- claude                     your own login pays\n  \
        keyreeve exec --profile work -- claude -p hi\n  \
        keyreeve exec --profile work --expect metered -- python job.py\n  \
        keyreeve exec --gateway --profile work -- claude     with a virtual key for this one run\n\n\
        Exit codes:\n  \
        the program's own; 4 no credential, 8 refused by a rule, 125 keyreeve failed,\n  \
        126 the program cannot be run, 127 there is no such program"
)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) launch: Launch,
    /// Your own login pays: everything that would win over it is taken away
    #[arg(long, conflicts_with = "profile")]
    pub(crate) native: bool,
    /// Give the program a virtual key for this run alone, through the gateway that runs or one of its own
    #[arg(long, conflicts_with = "native")]
    pub(crate) gateway: bool,
    /// The virtual key whose profiles and limits hold for the run [default: one for the profile]
    #[arg(
        long,
        value_name = "KEY",
        requires = "gateway",
        conflicts_with = "profile"
    )]
    pub(crate) key: Option<Name>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// `env`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The secret stands on your screen and in your shell from then on: `keyreeve exec` needs neither.\n\n\
        Examples:\n  keyreeve env --profile work --shell bash --reveal\n  keyreeve env --profile work --json     without the secret"
)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) launch: Launch,
    /// Whose words to use
    #[arg(long, value_enum, default_value = "bash")]
    pub(crate) shell: Shell,
    /// Show the secret, on a terminal
    #[arg(long)]
    pub(crate) reveal: bool,
}

/// What is meant to pay.
#[derive(Debug, clap::Args)]
pub(crate) struct Launch {
    /// The profile that pays [default: the one this directory is bound to, or the default one]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Name>,
    /// Refuse if anybody else would pay: plan, metered, cloud, gateway, or a profile
    #[arg(long, value_name = "WHO")]
    pub(crate) expect: Option<Expected>,
    /// Whose rules the program follows, such as claude-code@2.1.197 [default: told by its name]
    #[arg(long = "for", value_name = "CLIENT")]
    pub(crate) client: Option<Client>,
    /// Go on although this directory's own settings have a say in who pays; what would leak is refused all the same
    #[arg(long)]
    pub(crate) allow_project_settings: bool,
}

/// A shell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

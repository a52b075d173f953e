//! Arguments of `exec` and `env`.

use std::ffi::OsString;

use clap::{ArgAction, ValueEnum};
use keyreeve_core::binding::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::launch::{ProjectSettingsPolicy, UnknownEffectPolicy};
use keyreeve_resolver::resolve::ClientProgram;

use super::values::{client_program, expected_payer, switch, variable_name};

/// Arguments of `exec`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The program gets one credential and no other. Variables that would override it\n\
        are removed from its environment; settings files that would override it are\n\
        neutralized, or named and refused. Then keyreeve replaces itself with the\n\
        program. With --gateway it keeps running instead: the program gets a virtual key\n\
        that expires with it, and never the credential itself.\n\n\
        Examples:\n  \
        keyreeve exec --native -- claude                  on your own login\n  \
        keyreeve exec --profile work -- claude -p hi\n  \
        keyreeve exec --profile work --expect metered -- python job.py\n  \
        keyreeve exec --gateway --profile work -- claude  with a temporary key\n  \
        keyreeve exec --env CI_KEY --expect metered -- claude -p hi    in CI\n\n\
        Exit codes:\n  \
        that of the program; 4 no credential, 8 refused by a policy rule,\n  \
        125 keyreeve failed, 126 program not executable, 127 program not found"
)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) launch: LaunchArgs,
    /// Use the program's own login, and remove everything that would override it
    #[arg(long, conflicts_with = "profile")]
    pub(crate) native: bool,
    /// Take the credential from this environment variable; no store is opened or created
    #[arg(long, value_name = "NAME", value_parser = variable_name, conflicts_with_all = ["profile", "native", "gateway"])]
    pub(crate) env: Option<String>,
    /// The only origin that the credential of --env is sent to
    #[arg(
        long,
        value_name = "URL",
        requires = "env",
        default_value = "https://api.anthropic.com"
    )]
    pub(crate) origin: String,
    /// Give the program a temporary virtual key instead of the credential
    #[arg(long, conflicts_with = "native")]
    pub(crate) gateway: bool,
    /// Virtual key whose profiles and limits apply [default: one for the profile]
    #[arg(
        long,
        value_name = "KEY",
        requires = "gateway",
        conflicts_with = "profile"
    )]
    pub(crate) key: Option<Name>,
    /// Program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `env`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The secret then appears on your screen and in your shell's environment.\n\
        `keyreeve exec` avoids both.\n\n\
        Examples:\n  keyreeve env --profile work --shell bash --reveal\n  \
        keyreeve env --profile work --json       without the secret"
)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) launch: LaunchArgs,
    /// Shell syntax to print
    #[arg(long, value_enum, default_value = "bash")]
    pub(crate) shell: EnvShell,
    /// Print the secret to the terminal
    #[arg(long)]
    pub(crate) reveal: bool,
}

/// Options that choose the credential.
#[derive(Debug, clap::Args)]
pub(crate) struct LaunchArgs {
    /// Profile that pays [default: the directory's, or the default profile]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Name>,
    /// Fail unless this one pays: plan, metered, cloud, gateway or a profile
    #[arg(long, value_name = "PAYER", value_parser = expected_payer)]
    pub(crate) expect: Option<Expected>,
    /// Client whose rules apply, such as claude-code@2.1.197 [default: by the program's name]
    #[arg(long = "for", value_name = "CLIENT", value_parser = client_program::<ClientProgram>)]
    pub(crate) client: Option<ClientProgram>,
    /// Continue although this directory's settings influence who pays; what would leak the credential is refused anyway
    #[arg(
        long = "allow-project-settings",
        action = ArgAction::SetTrue,
        value_parser = switch(ProjectSettingsPolicy::Refuse, ProjectSettingsPolicy::Allow)
    )]
    pub(crate) project: ProjectSettingsPolicy,
    /// Start on a plan's login although a file or variable of unknown effect is set
    #[arg(
        long = "allow-unknown",
        action = ArgAction::SetTrue,
        value_parser = switch(UnknownEffectPolicy::Refuse, UnknownEffectPolicy::Allow)
    )]
    pub(crate) unknown: UnknownEffectPolicy,
}

/// Shells whose syntax `env` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EnvShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

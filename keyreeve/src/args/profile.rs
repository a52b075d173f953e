//! Arguments of `profile`.

use clap::{ArgAction, ArgGroup, Subcommand, ValueHint};
use jiff::Timestamp;
use keyreeve_core::origin::PlainHttp;
use keyreeve_core::profile::{Auth, Name, SecretExposure};

use super::values::{
    AUTHS, SecretInput, absolute_path, choice, secret_input, switch, variable_name,
};
use super::when;
use crate::problem::Problem;

/// Subcommands of `profile`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Save a credential under a name
    Add(AddProfileArgs),
    /// List profiles
    #[command(after_help = "Examples:\n  keyreeve profile list\n  keyreeve profile list --json")]
    List,
    /// Show a profile, its health and its limits
    #[command(after_help = "Example:\n  keyreeve profile show work")]
    Show {
        /// Profile name
        name: Name,
    },
    /// Make a profile the default
    #[command(after_help = "Example:\n  keyreeve profile use work")]
    Use {
        /// Profile name
        name: Name,
    },
    /// Rename a profile
    #[command(after_help = "Example:\n  keyreeve profile rename work office")]
    Rename {
        /// Profile name
        name: Name,
        /// New name
        new_name: Name,
    },
    /// Replace a profile's stored secret
    Rotate(RotateProfileArgs),
    /// Write a profile for the SDKs and Claude Code that uses the gateway
    Link(LinkProfileArgs),
    /// Remove what `profile link` wrote, and revoke its key
    #[command(after_help = "Example:\n  keyreeve profile unlink work")]
    Unlink {
        /// Name given to `profile link`
        name: Name,
    },
    /// Allow programs you start to get a profile's raw key
    #[command(
        after_help = "Examples:\n  keyreeve profile direct work\n  keyreeve profile direct work --undo"
    )]
    Direct {
        /// Profile name
        name: Name,
        /// Forbid it again
        #[arg(
            long = "undo",
            action = ArgAction::SetTrue,
            value_parser = switch(SecretExposure::Programs, SecretExposure::RequestsOnly)
        )]
        exposure: SecretExposure,
    },
    /// Delete a profile and its secret
    #[command(after_help = "Example:\n  keyreeve profile remove work")]
    Remove {
        /// Profile name
        name: Name,
    },
    /// Use a profile again: end its cooldown, pause, drain or block
    #[command(after_help = "Example:\n  keyreeve profile resume work")]
    Resume {
        /// Profile name
        name: Name,
    },
    /// Stop using a profile for a while
    #[command(after_help = "Example:\n  keyreeve profile pause work --for 2h")]
    Pause {
        /// Profile name
        name: Name,
        /// Length of the pause: 10m, 12h or 30d
        #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = when::end_of_pause)]
        until: Timestamp,
    },
    /// Stop using a profile until it is resumed; requests in flight finish
    #[command(after_help = "Example:\n  keyreeve profile drain work")]
    Drain {
        /// Profile name
        name: Name,
    },
}

/// Arguments of `profile add`.
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("secret"),
    after_help = "The secret is never an argument: keyreeve prompts for it, or reads it from the\n\
        source that an option names.\n\n\
        Examples:\n  \
        keyreeve profile add work\n  \
        pass show anthropic | keyreeve profile add work --stdin\n  \
        keyreeve profile add ci --env ANTHROPIC_API_KEY\n  \
        keyreeve profile add vault --command -- op read op://dev/anthropic/key\n  \
        keyreeve profile add box --from-file /run/secrets/anthropic\n  \
        keyreeve profile add team --origin https://gateway.example --stdin\n  \
        keyreeve profile add plan --setup-token"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(crate) struct AddProfileArgs {
    /// Profile name
    pub(crate) name: Name,
    /// The only origin the secret is sent to
    #[arg(long, value_name = "URL", default_value = "https://api.anthropic.com")]
    pub(crate) origin: String,
    /// Header with the secret [default: api-key for Anthropic, else bearer]
    #[arg(long, value_parser = choice(AUTHS))]
    pub(crate) auth: Option<Auth>,
    /// Read the secret from standard input
    #[arg(long = "stdin", group = "secret", action = ArgAction::SetTrue, value_parser = secret_input())]
    pub(crate) input: SecretInput,
    /// Read the secret from this environment variable of `keyreeve serve` when it is used
    #[arg(long, group = "secret", value_name = "NAME", value_parser = variable_name)]
    pub(crate) env: Option<String>,
    /// Read the secret from this file when it is used; only you may have access to it
    #[arg(long, group = "secret", value_name = "PATH", value_parser = absolute_path, value_hint = ValueHint::AnyPath)]
    pub(crate) from_file: Option<String>,
    /// Use a profile of the official SDKs: federation, or a login that keyreeve refreshes as they do
    #[arg(long, group = "secret", value_name = "NAME")]
    pub(crate) sdk_profile: Option<Name>,
    /// Directory of the SDK profile [default: where the SDKs look]
    #[arg(long, value_name = "DIR", requires = "sdk_profile", value_parser = absolute_path, value_hint = ValueHint::AnyPath)]
    pub(crate) sdk_dir: Option<String>,
    /// Use a login of Anthropic's `ant` [default: that of its active profile]
    #[arg(long, group = "secret", value_name = "PROFILE", num_args = 0..=1, action = ArgAction::Set)]
    pub(crate) ant: Option<Vec<Name>>,
    /// Start Claude Code with its own login, by reference; no token is copied, and no key can use it
    #[arg(long, group = "secret", conflicts_with_all = ["origin", "auth", "direct"])]
    pub(crate) claude_login: bool,
    /// Claude Code's configuration directory [default: its usual one]
    #[arg(long, value_name = "DIR", requires = "claude_login", value_parser = absolute_path, value_hint = ValueHint::AnyPath)]
    pub(crate) config_dir: Option<String>,
    /// Save the token of `claude setup-token`; only `claude` can use it
    #[arg(long, conflicts_with_all = [
        "origin", "auth", "env", "from_file", "sdk_profile", "ant", "claude_login", "command", "direct", "insecure_loopback"
    ])]
    pub(crate) setup_token: bool,
    #[command(flatten)]
    pub(crate) plan: SetupTokenArgs,
    /// Run the program after `--` when the secret is used; it must print nothing else
    #[arg(long, group = "secret", requires = "argv")]
    pub(crate) command: bool,
    /// Program and arguments for --command
    #[arg(last = true, value_name = "ARGV", requires = "command")]
    pub(crate) argv: Vec<String>,
    /// Allow programs you start to get the raw key
    #[arg(
        long = "direct",
        id = "direct",
        action = ArgAction::SetTrue,
        value_parser = switch(SecretExposure::RequestsOnly, SecretExposure::Programs)
    )]
    pub(crate) exposure: SecretExposure,
    /// Allow http to a loopback IP address of this machine
    #[arg(
        long = "insecure-loopback",
        id = "insecure_loopback",
        action = ArgAction::SetTrue,
        value_parser = switch(PlainHttp::Forbidden, PlainHttp::LoopbackOnly)
    )]
    pub(crate) plain: PlainHttp,
    /// The origin is a sandbox: requests are free and marked as simulated
    #[arg(long, requires = "insecure_loopback")]
    pub(crate) simulated: bool,
}

/// Arguments of `profile link`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve profile link work\n  \
    keyreeve profile link default --key laptop    the SDKs' default profile\n  \
    ANTHROPIC_PROFILE=work claude")]
pub(crate) struct LinkProfileArgs {
    /// Name for the SDKs; without --key, the profile of this name pays
    pub(crate) name: Name,
    /// Virtual key to use, with its limits
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Name>,
}

/// Arguments of `profile rotate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve profile rotate work\n  \
    pass show anthropic | keyreeve profile rotate work --stdin")]
pub(crate) struct RotateProfileArgs {
    /// Profile name
    pub(crate) name: Name,
    /// Read the secret from standard input
    #[arg(long = "stdin", action = ArgAction::SetTrue, value_parser = secret_input())]
    pub(crate) input: SecretInput,
    #[command(flatten)]
    pub(crate) plan: SetupTokenArgs,
}

/// Options for a setup-token.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, clap::Args)]
pub(crate) struct SetupTokenArgs {
    /// Confirm that the setup-token is of your own plan, that you know Anthropic's terms, and that keyreeve may save it
    #[arg(long)]
    pub(crate) consent: bool,
    /// Date on which the setup-token was created; it is valid for a year [default: today]
    #[arg(long, value_name = "DATE", value_parser = when::creation_date)]
    pub(crate) made: Option<Timestamp>,
}

impl SetupTokenArgs {
    /// Checks that they are absent, because there is no setup-token.
    ///
    /// # Errors
    /// The first option that is given.
    pub(crate) fn check_absent(self) -> Result<(), Problem> {
        let flag = match self {
            Self { consent: true, .. } => "--consent",
            Self { made: Some(_), .. } => "--made",
            Self {
                consent: false,
                made: None,
            } => return Ok(()),
        };
        Err(Problem::flag(flag, "needs `--setup-token`"))
    }
}

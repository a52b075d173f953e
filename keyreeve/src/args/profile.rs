//! `profile …` as typed.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, Subcommand, ValueEnum};
use keyreeve_core::profile::Name;

/// `profile …`
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Keep a credential under a name
    Add(AddProfile),
    /// List profiles
    List,
    /// Describe one profile
    Show {
        /// Its name
        name: Name,
    },
    /// Make a profile the default
    Use {
        /// Its name
        name: Name,
    },
    /// Give a profile another name
    Rename {
        /// Its name
        name: Name,
        /// Its new name
        new_name: Name,
    },
    /// Replace a profile's sealed secret
    Rotate(RotateProfile),
    /// Write a profile of the official SDKs that leads them, and Claude Code, to the gateway
    Link(LinkProfile),
    /// Remove what `profile link` wrote, and end its key
    Unlink {
        /// Its name
        name: Name,
    },
    /// Let programs you start have a profile's raw secret, not only virtual keys
    Direct {
        /// Its name
        name: Name,
        /// Let them have it no longer
        #[arg(long)]
        undo: bool,
    },
    /// Forget a profile and its secret
    Remove {
        /// Its name
        name: Name,
    },
    /// Use a profile again: forget that it rests, is blocked or is dead
    Wake {
        /// Its name
        name: Name,
    },
    /// Leave a profile out for a while
    #[command(after_help = "Example:\n  keyreeve profile rest work --for 2h")]
    Rest {
        /// Its name
        name: Name,
        /// For how long, such as 10m, 12h or 30d
        #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
        span: String,
    },
    /// Leave a profile out until it is enabled; what is on its way goes on
    Drain {
        /// Its name
        name: Name,
    },
    /// Take a drained profile in again
    Enable {
        /// Its name
        name: Name,
    },
}

/// `profile add`
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("secret"),
    after_help = "The secret is asked for on the terminal; or say where it comes from. It is never an argument.\n\n\
        Examples:\n  \
        keyreeve profile add work\n  \
        pass show anthropic | keyreeve profile add work --stdin\n  \
        keyreeve profile add ci --env ANTHROPIC_API_KEY\n  \
        keyreeve profile add vault --command -- op read op://dev/anthropic/key\n  \
        keyreeve profile add box --from-file /run/secrets/anthropic\n  \
        keyreeve profile add team --origin https://gateway.example --auth bearer --stdin\n  \
        keyreeve profile add plan --setup-token"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as typed; settings make enums of them"
)]
pub(crate) struct AddProfile {
    /// What to call it
    pub(crate) name: Name,
    /// The one place the secret may go
    #[arg(long, value_name = "URL", default_value = "https://api.anthropic.com")]
    pub(crate) origin: String,
    /// How it is sent there [default: api-key at Anthropic, bearer elsewhere]
    #[arg(long, value_enum)]
    pub(crate) auth: Option<Auth>,
    /// Read the secret from standard input
    #[arg(long, group = "secret")]
    pub(crate) stdin: bool,
    /// Read the secret at lease time from this environment variable of `keyreeve serve`
    #[arg(long, group = "secret", value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Read the secret at lease time from this file, which must be yours alone
    #[arg(long, group = "secret", value_name = "PATH")]
    pub(crate) from_file: Option<PathBuf>,
    /// Use this profile of the official SDKs: federation, or a login that is renewed as they renew it
    #[arg(long, group = "secret", value_name = "NAME")]
    pub(crate) sdk_profile: Option<Name>,
    /// Where that profile lies [default: where the SDKs look when it is used]
    #[arg(long, value_name = "DIR", requires = "sdk_profile")]
    pub(crate) sdk_dir: Option<PathBuf>,
    /// Use the login of Anthropic's `ant` [default: of its active profile]
    #[arg(long, group = "secret", value_name = "PROFILE", num_args = 0..=1, action = ArgAction::Set)]
    pub(crate) ant: Option<Vec<Name>>,
    /// Refer to Claude Code's own login, to start Claude Code with; no token of it is kept, and no key can use it
    #[arg(long, group = "secret", conflicts_with_all = ["origin", "auth", "direct"])]
    pub(crate) claude_login: bool,
    /// Claude Code's configuration directory, for --claude-login [default: the usual one]
    #[arg(long, value_name = "DIR", requires = "claude_login")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Keep the token of `claude setup-token`, your own plan's: for `keyreeve exec -- claude` and nothing else
    #[arg(long, conflicts_with_all = [
        "origin", "auth", "env", "from_file", "sdk_profile", "ant", "claude_login", "command", "direct", "insecure_loopback"
    ])]
    pub(crate) setup_token: bool,
    #[command(flatten)]
    pub(crate) plan: PlanToken,
    /// Run the program after `--` at lease time; it must print the secret as its only line
    #[arg(long, group = "secret", requires = "argv")]
    pub(crate) command: bool,
    /// The program and its arguments, for --command
    #[arg(last = true, value_name = "ARGV", requires = "command")]
    pub(crate) argv: Vec<String>,
    /// Let programs you start have the raw secret, not only virtual keys
    #[arg(long)]
    pub(crate) direct: bool,
    /// Allow plain http, to an IP address of this machine's own
    #[arg(long)]
    pub(crate) insecure_loopback: bool,
    /// The origin is a keyreeve sandbox: requests cost nothing and are marked
    #[arg(long, requires = "insecure_loopback")]
    pub(crate) simulated: bool,
}

/// How a credential is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Auth {
    /// `x-api-key: …`
    ApiKey,
    /// `Authorization: Bearer …`
    Bearer,
}

/// `profile link`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve profile link work\n  \
    keyreeve profile link default --key laptop     the SDKs use `default` where nothing else is set\n  \
    ANTHROPIC_PROFILE=work claude")]
pub(crate) struct LinkProfile {
    /// What the SDKs shall call it; without --key, the profile of this name pays
    pub(crate) name: Name,
    /// Use this virtual key, with its limits
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Name>,
}

/// `profile rotate`
#[derive(Debug, clap::Args)]
pub(crate) struct RotateProfile {
    /// Its name
    pub(crate) name: Name,
    /// Read the secret from standard input
    #[arg(long)]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) plan: PlanToken,
}

/// What comes with a setup-token.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanToken {
    /// For a setup-token: it is of your own plan, you know Anthropic's terms, and keyreeve may keep it
    #[arg(long)]
    pub(crate) consent: bool,
    /// For a setup-token: the day it was made, such as 2026-05-01; it lasts a year [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) made: Option<String>,
}

//! Arguments of `key` and `connect`.

use clap::{Subcommand, ValueEnum};
use keyreeve_core::profile::Name;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a virtual key and show it once
    Add(AddKeyArgs),
    /// List virtual keys
    #[command(after_help = "Examples:\n  keyreeve key list\n  keyreeve key list --json")]
    List,
    /// Show a key's settings
    #[command(after_help = "Example:\n  keyreeve key show laptop")]
    Show {
        /// Key name
        name: Name,
    },
    /// Let a key fall back to profiles with other billing
    #[command(
        after_help = "Replaces the list of additional classes; without a CLASS, it becomes empty.\n\n\
        Examples:\n  \
        keyreeve key allow-billing laptop gateway\n  \
        keyreeve key allow-billing laptop metered cloud\n  \
        keyreeve key allow-billing laptop          only its own class"
    )]
    AllowBilling {
        /// Key name
        name: Name,
        /// Billing class: metered, cloud or gateway
        #[arg(value_enum, hide_possible_values = true, value_name = "CLASS")]
        classes: Vec<BillingClassArg>,
    },
    /// Replace a key's secret and show the new one once
    Rotate(RotateKeyArgs),
    /// Revoke a key permanently
    #[command(after_help = "Example:\n  keyreeve key revoke laptop")]
    Revoke {
        /// Key name
        name: Name,
    },
}

/// Arguments of `key add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve key add laptop --profile work\n  \
    keyreeve key add ci --profile work --profile spare --expires 30d\n  \
    keyreeve key add bot --profile work --model 'claude-haiku-*'\n  \
    keyreeve key add ci2 --like ci --allow-billing gateway\n  \
    keyreeve key add own-login --pass-through\n  \
    export KEYREEVE_KEY=$(keyreeve key add agent --profile work)")]
pub(crate) struct AddKeyArgs {
    /// Key name
    pub(crate) name: Name,
    /// Copy this key's settings, except its secret, its expiry and those given here
    #[arg(long, value_name = "KEY")]
    pub(crate) like: Option<Name>,
    /// Profile that the key uses; repeat it to add fallbacks
    #[arg(long = "profile", short, value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// Selection among ready profiles [default: ordered]
    #[arg(long, value_enum)]
    pub(crate) strategy: Option<StrategyArg>,
    /// Additional billing class: metered, cloud or gateway [default: none]
    #[arg(long, value_enum, hide_possible_values = true, value_name = "CLASS")]
    pub(crate) allow_billing: Vec<BillingClassArg>,
    /// Create a key without profiles, for clients that send their own login
    #[arg(long, conflicts_with_all = ["profiles", "like", "strategy", "allow_billing", "cache_ttl"])]
    pub(crate) pass_through: bool,
    /// Allowed model, with * and ? as wildcards [default: any]
    #[arg(long = "model", short, value_name = "GLOB")]
    pub(crate) models: Vec<String>,
    /// Prompt cache lifetime of its requests [default: as configured]
    #[arg(long, value_name = "TTL", value_enum)]
    pub(crate) cache_ttl: Option<CacheTtlArg>,
    /// Expiry: 30d, 12h or 2026-12-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
}

/// Strategies for choosing among a key's ready profiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum StrategyArg {
    /// The first one, in the given order
    Ordered,
    /// The least recently used one
    Spread,
}

/// Billing classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum BillingClassArg {
    /// API credit of an organization
    Metered,
    /// A cloud account
    Cloud,
    /// The operator of another gateway
    Gateway,
    /// A subscription; refused with an explanation
    #[value(hide = true)]
    Plan,
}

/// Prompt cache lifetimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CacheTtlArg {
    /// Five minutes; writes cost 1.25 times the input price
    #[value(name = "5m")]
    FiveMinutes,
    /// One hour; writes cost twice the input price
    #[value(name = "1h")]
    OneHour,
}

/// Arguments of `key rotate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve key rotate laptop\n  keyreeve key rotate laptop --overlap 10m"
)]
pub(crate) struct RotateKeyArgs {
    /// Key name
    pub(crate) name: Name,
    /// Time for which the old secret still works, such as 10m
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub(crate) overlap: String,
}

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve connect claude-code --key laptop\n  \
    keyreeve key rotate laptop | keyreeve connect curl --key laptop --key-stdin")]
pub(crate) struct ConnectArgs {
    /// Client to connect
    #[arg(value_enum)]
    pub(crate) client: ConnectClient,
    /// Virtual key that the client uses
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Name,
    /// Read the key from standard input and include it in the settings
    #[arg(long, conflicts_with = "json")]
    pub(crate) key_stdin: bool,
}

/// Clients that `connect` has settings for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ConnectClient {
    /// A curl command that streams a response
    Curl,
    /// The official Python SDK
    Python,
    /// The official TypeScript SDK
    Typescript,
    /// Claude Code
    ClaudeCode,
    /// Claude Code with its own login, through /passthrough
    PassThrough,
}

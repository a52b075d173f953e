//! `key …` and `connect` as typed.

use clap::{Subcommand, ValueEnum};
use keyreeve_core::profile::Name;

/// `key …`
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a virtual key; it is shown once
    Add(AddKey),
    /// List virtual keys
    List,
    /// Describe one key
    Show {
        /// Its name
        name: Name,
    },
    /// Say whom a key may be billed to beside the class it was made with; without a class: nobody
    Spend {
        /// Its name
        name: Name,
        /// metered, cloud or gateway
        #[arg(value_enum, hide_possible_values = true, value_name = "CLASS")]
        classes: Vec<Class>,
    },
    /// Give a key a new secret; it is shown once
    Rotate(RotateKey),
    /// Refuse a key from now on, for good
    Revoke {
        /// Its name
        name: Name,
    },
}

/// `key add`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve key add laptop --profile work\n  \
    keyreeve key add ci --profile work --profile spare --model 'claude-haiku-*' --expires 30d\n  \
    keyreeve key add ci2 --like ci --may-spend gateway\n  \
    keyreeve key add own-login --pass-through\n  \
    export KEYREEVE_KEY=$(keyreeve key add agent --profile work)")]
pub(crate) struct AddKey {
    /// What to call it
    pub(crate) name: Name,
    /// Take what this key may do, but for what is given here; never its secret or its end
    #[arg(long, value_name = "KEY")]
    pub(crate) like: Option<Name>,
    /// A profile it may use; the first is asked first
    #[arg(long = "profile", short, value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// Which of its profiles that are ready is asked [default: ordered]
    #[arg(long, value_enum)]
    pub(crate) strategy: Option<Choosing>,
    /// Whom it may be billed to beside its first profile's class: metered, cloud or gateway
    #[arg(long, value_enum, hide_possible_values = true, value_name = "CLASS")]
    pub(crate) may_spend: Vec<Class>,
    /// Give it no profile: it only says who asks where a client's own credential passes through
    #[arg(long, conflicts_with_all = ["profiles", "like", "strategy", "may_spend", "cache_ttl"])]
    pub(crate) pass_through: bool,
    /// A model it may ask for, with * and ? [default: any]
    #[arg(long = "model", short, value_name = "GLOB")]
    pub(crate) models: Vec<String>,
    /// The lifetime of prompt caches that its requests ask for [default: what the configuration says]
    #[arg(long, value_name = "TTL", value_enum)]
    pub(crate) cache_ttl: Option<CacheTtl>,
    /// Refuse it after this: 30d, 12h or 2026-12-31T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
}

/// How a key chooses among its profiles that are ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Choosing {
    /// The first in the order they are given in.
    Ordered,
    /// The one that was used longest ago.
    Spread,
}

/// Who is billed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Class {
    /// API credit of an organization.
    Metered,
    /// A cloud account.
    Cloud,
    /// Another gateway's operator.
    Gateway,
    /// A person's subscription: refused, with the reason.
    #[value(hide = true)]
    Plan,
}

/// How long a prompt cache lives after it was last read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CacheTtl {
    /// Five minutes, written at 1.25 times the price of input.
    #[value(name = "5m")]
    FiveMinutes,
    /// One hour, written at twice the price of input.
    #[value(name = "1h")]
    OneHour,
}

/// `key rotate`
#[derive(Debug, clap::Args)]
pub(crate) struct RotateKey {
    /// Its name
    pub(crate) name: Name,
    /// Accept the old secret for this much longer: 10m, 1h
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    pub(crate) overlap: String,
}

/// `connect`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve connect claude-code --key laptop\n  \
    keyreeve key rotate laptop | keyreeve connect curl --key laptop --key-stdin")]
pub(crate) struct Connect {
    /// What to connect
    #[arg(value_enum)]
    pub(crate) client: Connectable,
    /// The virtual key it will hold
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Name,
    /// Read the key itself from standard input and write it into the settings
    #[arg(long, conflicts_with = "json")]
    pub(crate) key_stdin: bool,
}

/// What `connect` has settings for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Connectable {
    /// A shell line that streams an answer.
    Curl,
    /// The official Python SDK.
    Python,
    /// The official TypeScript SDK.
    Typescript,
    /// Claude Code.
    ClaudeCode,
    /// Claude Code with its own login, through /passthrough.
    PassThrough,
}

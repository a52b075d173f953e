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
    export KEYREEVE_KEY=$(keyreeve key add agent --profile work)")]
pub(crate) struct AddKey {
    /// What to call it
    pub(crate) name: Name,
    /// A profile it may use; the first is asked first
    #[arg(long = "profile", short, value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// A model it may ask for, with * and ? [default: any]
    #[arg(long = "model", short, value_name = "GLOB")]
    pub(crate) models: Vec<String>,
    /// Refuse it after this: 30d, 12h or 2026-12-31T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
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
}

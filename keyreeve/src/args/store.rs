//! Arguments of `store` and `config`.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};
use keyreeve_core::profile::Name;

use super::values::{SecretInput, secret_input};

/// Subcommands of `store`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Create the store and its master key
    #[command(after_help = "Example:\n  keyreeve store init")]
    Init,
    /// Show where the store is and what it protects against
    #[command(after_help = "Examples:\n  keyreeve store info\n  keyreeve store info --json")]
    Info,
    /// Save the whole store to a new file, encrypted with a passphrase
    #[command(after_help = "Examples:\n  keyreeve store backup keyreeve.bak\n  \
        pass show backup | keyreeve store backup keyreeve.bak --stdin")]
    Backup(PassphraseArgs),
    /// Restore a backup
    ///
    /// Profiles, bindings, health and the ledger come back as they were. Virtual keys work again only if they still
    /// work in the store that is replaced, or if you name them: since the backup they may have been revoked. On a
    /// terminal you are asked.
    #[command(
        after_help = "Examples:\n  keyreeve store restore keyreeve.bak --all-keys\n  \
        keyreeve store restore keyreeve.bak --replace"
    )]
    Restore(RestoreArgs),
}

/// Arguments of `store restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) backup: PassphraseArgs,
    /// Move the present store aside, even a damaged one
    #[arg(long)]
    pub(crate) replace: bool,
    /// Virtual keys that work again
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) keys: Vec<Name>,
    /// Let all virtual keys of the backup work again
    #[arg(long, conflicts_with = "keys")]
    pub(crate) all_keys: bool,
}

/// Arguments of `store backup` and `store restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct PassphraseArgs {
    /// Backup file
    pub(crate) file: PathBuf,
    /// Read the passphrase from standard input
    #[arg(long = "stdin", action = ArgAction::SetTrue, value_parser = secret_input())]
    pub(crate) passphrase: SecretInput,
}

/// Subcommands of `config`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the path of the configuration file
    #[command(after_help = "Example:\n  keyreeve config path")]
    Path,
    /// Print each setting, its value and its source
    #[command(after_help = "Examples:\n  keyreeve config show\n  keyreeve config show --json")]
    Show,
    /// Print the JSON Schema of the configuration file
    #[command(after_help = "Example:\n  keyreeve config schema > keyreeve.schema.json")]
    Schema,
}

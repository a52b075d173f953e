//! `store …` as typed.

use std::path::PathBuf;

use clap::Subcommand;

/// `store …`
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Make the store and its master key
    Init,
    /// Say where the store is and what it protects against
    Info,
    /// Save everything in one new file, sealed under a passphrase
    Backup(Passphrase),
    /// Make an empty store whole again from a backup
    Restore(Passphrase),
}

/// `store backup` and `store restore`
#[derive(Debug, clap::Args)]
pub(crate) struct Passphrase {
    /// The backup
    pub(crate) file: PathBuf,
    /// Read the passphrase from standard input
    #[arg(long)]
    pub(crate) stdin: bool,
}

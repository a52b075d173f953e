//! The commands that only tell, as typed: `inspect`, `usage`, `attempts`.

use clap::ValueEnum;

/// `inspect`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve inspect                     asks for the token\n  \
    pbpaste | keyreeve inspect -\n  keyreeve inspect --json < token.txt"
)]
pub(crate) struct Inspect {
    /// `-`: read standard input; without it, a terminal is asked
    #[arg(value_parser = ["-"])]
    pub(crate) input: Option<String>,
}

/// `usage`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve usage\n  keyreeve usage --by model --since 30d\n  \
    keyreeve usage --by day --csv > usage.csv"
)]
pub(crate) struct Usage {
    /// What a row stands for
    #[arg(long, value_name = "WHAT", value_enum, default_value = "key")]
    pub(crate) by: Dimension,
    /// Only attempts since then: 7d, 12h or 2026-11-01T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

/// What a row of `usage` stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Dimension {
    /// A virtual key.
    Key,
    /// A profile.
    Profile,
    /// The model that answered.
    Model,
    /// A day, in UTC.
    Day,
    /// A session of the client.
    Session,
}

/// `attempts`
#[derive(Debug, clap::Args)]
pub(crate) struct Attempts {
    /// At most this many, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

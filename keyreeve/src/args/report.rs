//! Arguments of the reports: `inspect`, `usage`, `requests`.

use clap::ValueEnum;

/// Arguments of `inspect`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve inspect                  prompts for the token\n  \
    pbpaste | keyreeve inspect -\n  keyreeve inspect --json < token.txt"
)]
pub(crate) struct InspectArgs {
    /// `-` reads standard input; without it, prompts on a terminal
    #[arg(value_parser = ["-"], hide_possible_values = true)]
    pub(crate) input: Option<String>,
}

/// Arguments of `usage`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve usage\n  keyreeve usage --by model --since 30d\n  \
    keyreeve usage --by day --csv > usage.csv"
)]
pub(crate) struct UsageArgs {
    /// Group the rows
    #[arg(long, value_name = "GROUP", value_enum, default_value = "key")]
    pub(crate) by: UsageDimension,
    /// Only requests since this time: 7d, 12h or 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

/// Groupings of `usage`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum UsageDimension {
    /// By virtual key
    Key,
    /// By profile
    Profile,
    /// By the model that responded
    Model,
    /// By day, in UTC
    Day,
    /// By client session
    Session,
}

/// Arguments of `requests`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve requests\n  keyreeve log --limit 5\n  \
    keyreeve requests --attempts --json"
)]
pub(crate) struct RequestsArgs {
    /// Maximum number of rows, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// List every attempt, including those that were retried
    #[arg(long)]
    pub(crate) attempts: bool,
}

//! Arguments of the reports: `inspect`, `usage`, `requests`, `doctor`.

use clap::ArgAction;
use jiff::Timestamp;
use keyreeve_resolver::resolve::ClientProgram;
use keyreeve_store::Grouping;

use super::values::{Choice, Consent, choice, client_program, switch};
use super::when;

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
    #[arg(long, value_name = "GROUP", value_parser = choice(GROUPINGS), default_value = "key")]
    pub(crate) by: Grouping,
    /// Only requests since this time: 7d, 12h or 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = when::past_time)]
    pub(crate) since: Option<Timestamp>,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

const GROUPINGS: &[Choice<Grouping>] = &[
    ("key", Grouping::Key, "By virtual key"),
    ("profile", Grouping::Profile, "By profile"),
    ("model", Grouping::Model, "By the model that responded"),
    ("day", Grouping::Day, "By day, in UTC"),
    ("session", Grouping::Session, "By client session"),
];

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

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Does not use the network.\n\n\
    Examples:\n  keyreeve doctor\n  keyreeve doctor --fix\n  keyreeve doctor --fix --yes\n  keyreeve doctor --for bare --json\n  \
    keyreeve doctor --password-changed 2026-11-01\n\n\
    Exit code: 0 if nothing of severity error was found, else 1")]
pub(crate) struct DoctorArgs {
    /// Check for this client only: claude-code, bare, sdk-python, sdk-typescript or keyreeve, with @VERSION if it matters
    #[arg(long = "for", value_name = "CLIENT", value_parser = client_program::<ClientProgram>)]
    pub(crate) client: Option<ClientProgram>,
    /// Offer to comment out problematic lines of shell files, with a backup, and to remove keys from comments and backups
    #[arg(long, conflicts_with = "json")]
    pub(crate) fix: bool,
    /// Fix everything that `--fix` offers without asking
    #[arg(
        long = "yes",
        requires = "fix",
        action = ArgAction::SetTrue,
        value_parser = switch(Consent::Ask, Consent::Given)
    )]
    pub(crate) consent: Consent,
    /// Run the helpers that your own settings name, never those of a project
    #[arg(long)]
    pub(crate) run_helpers: bool,
    /// Date of your account's last password change: 2026-11-01 or 30d
    #[arg(long, value_name = "DATE", value_parser = when::past_date)]
    pub(crate) password_changed: Option<Timestamp>,
}

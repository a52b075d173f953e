//! Arguments of `check` and `ask`.

use keyreeve_core::profile::Name;

use super::values::model_name;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each request costs one token and is recorded (see `keyreeve requests`). A plan\n\
    login is tested only through the real `claude`.\n\n\
    Examples:\n  keyreeve check\n  keyreeve check work home\n  keyreeve check --all --json\n\n\
    Exit code: the highest of all profiles: 0 works, 4 invalid credential,\n\
    5 valid but not usable now, 6 upstream or network failure"
)]
pub(crate) struct CheckArgs {
    /// Profiles to test [default: the default profile]
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// Test every profile
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    /// Model to use [default: `default_model` of the configuration, or the cheapest]
    #[arg(long, value_name = "MODEL", value_parser = model_name)]
    pub(crate) model: Option<String>,
}

/// Arguments of `ask`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve ask 'Why is the sky blue?'\n  \
    keyreeve ask --profile work --model claude-haiku-5-5 - < question.txt\n  \
    git diff | keyreeve ask --system 'Write a commit message for this diff.'")]
pub(crate) struct AskArgs {
    /// Question; `-` reads standard input, which is the default in a pipe
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    /// Profile that pays [default: the default profile]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Name>,
    /// Model to ask [default: `default_model` of the configuration, or claude-sonnet-5-5]
    #[arg(long, value_name = "MODEL", value_parser = model_name)]
    pub(crate) model: Option<String>,
    /// Maximum number of output tokens
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_tokens: u64,
    /// System prompt
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
}

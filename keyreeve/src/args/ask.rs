//! The commands that ask an upstream on the owner's own behalf, as typed: `check`, `ask`.

use keyreeve_core::profile::Name;

/// `check`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve check\n  keyreeve check work home\n  keyreeve check --all --json\n\n\
    Each question is recorded (`keyreeve attempts`) and costs what one token costs. A plan login is asked \
    only by the genuine `claude`.\n\n\
    Exit code: the highest of all profiles': 0 works, 4 bad credential, 5 valid but not usable now, \
    6 upstream or network"
)]
pub(crate) struct Check {
    /// Which profiles; without any, the default one
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// Check every profile
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) all: bool,
    /// Which model to ask [default: `default_model` of the configuration, else the cheapest of the price table]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

/// `ask`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve ask 'Why is the sky blue?'\n  \
    keyreeve ask --profile work --model claude-haiku-5-5 - < question.txt\n  \
    git diff | keyreeve ask --system 'Write a commit message for this diff.'")]
pub(crate) struct Ask {
    /// What to ask; `-`, or nothing where no terminal is there: standard input
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Option<String>,
    /// Who pays; without it, the default profile
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Name>,
    /// Which model to ask [default: `default_model` of the configuration, else claude-sonnet-5-5]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// At most so many tokens of answer
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_tokens: u64,
    /// Instructions that stand before the question
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
}

//! Arguments of the commands about who pays: `status`, `guard`, `bind`, `unbind`, `hook`, `statusline`,
//! `advise`.

use std::path::PathBuf;

use clap::ValueEnum;
use keyreeve_core::binding::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::advise::UseCase;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::resolve::ClientProgram;

use super::values::{Choice, choice};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code with --check: 0 usable, 4 no credential or a dead one, 5 in cooldown\n\
    or blocked (with --for keyreeve), 8 another account than expected pays\n\n\
    Examples:\n  keyreeve status\n  keyreeve status --for sdk-python --json\n  \
    keyreeve status --check --expect plan\n  \
    keyreeve status --for claude-code@2.1.197 -- -p --bare"
)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Also list the steps in which nothing is set
    #[arg(long)]
    pub(crate) all: bool,
    /// Print only the first line; it starts with `warning:` if the wrong account would pay
    #[arg(long, conflicts_with_all = ["all", "check"])]
    pub(crate) brief: bool,
    /// Exit 0 only if the next request can be paid
    #[arg(long)]
    pub(crate) check: bool,
    /// Expected payer: plan, metered, cloud, gateway or a profile [default: that of this directory]
    #[arg(long, value_name = "PAYER", requires = "check")]
    pub(crate) expect: Option<Expected>,
}

/// The client, and how it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// Client whose chain to follow: claude-code, bare, sdk-python, sdk-typescript or keyreeve, with @VERSION if it matters
    #[arg(long = "for", value_name = "CLIENT", default_value = "claude-code")]
    client: ClientProgram,
    /// Arguments the client would be started with
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

impl ClientArgs {
    /// Returns the client, and how it is started: by a script, unless there are arguments for it.
    pub(crate) fn start(&self) -> (ClientProgram, Arguments) {
        let arguments = Arguments::parse(self.arguments.iter().map(String::as_str));
        let client = match self.arguments.as_slice() {
            [] => self.client,
            _ => self.client.with_arguments(&arguments),
        };
        (client, arguments)
    }
}

/// Arguments of `guard`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve guard --expect plan && claude -p hi\n  \
    keyreeve guard --expect metered --for sdk-python"
)]
pub(crate) struct GuardArgs {
    /// Expected payer: plan, metered, cloud, gateway or a profile [default: that of this directory]
    #[arg(long, value_name = "PAYER")]
    pub(crate) expect: Option<Expected>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Arguments of `bind`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The binding is saved in your own store; nothing is written to the directory. If\n\
    several bindings apply, the nearest directory wins.\n\n\
    Examples:\n  keyreeve bind --expect plan\n  \
    keyreeve bind ~/work --profile work --expect metered"
)]
pub(crate) struct BindArgs {
    /// Directory to bind, with everything below it
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Profile that keyreeve uses there
    #[arg(long, value_name = "NAME", required_unless_present = "expect")]
    pub(crate) profile: Option<Name>,
    /// Expected payer there: plan, metered, cloud, gateway or a profile
    #[arg(long, value_name = "PAYER")]
    pub(crate) expect: Option<Expected>,
}

/// Arguments of `unbind`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  keyreeve unbind\n  keyreeve unbind ~/work")]
pub(crate) struct UnbindArgs {
    /// Bound directory
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
}

/// Arguments of `hook`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    eval \"$(keyreeve hook bash)\"        in ~/.bashrc\n  \
    eval \"$(keyreeve hook zsh)\"         in ~/.zshrc\n  \
    keyreeve hook fish | source         in ~/.config/fish/config.fish")]
pub(crate) struct HookArgs {
    /// Shell to print the hook for
    pub(crate) shell: HookShell,
}

/// Shells with a hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum HookShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Arguments of `statusline`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Claude Code runs this command and pipes it a JSON object. It always exits 0: a\n\
    status line must not break. If Claude Code's own login pays, the plan windows\n\
    are saved for `keyreeve limits`.\n\n\
    Examples:\n  \
    keyreeve statusline --print-settings         for ~/.claude/settings.json\n  \
    echo '{}' | keyreeve statusline --verbose    who would pay here"
)]
pub(crate) struct StatuslineArgs {
    /// Print the settings that make Claude Code show it
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) print_settings: bool,
    /// Report on standard error what could not be read or saved
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Arguments of `advise`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  keyreeve advise --use ci")]
pub(crate) struct AdviseArgs {
    /// Use case of the credential
    #[arg(long = "use", value_name = "USE", value_parser = choice(USE_CASES))]
    pub(crate) use_case: UseCase,
}

const USE_CASES: &[Choice<UseCase>] = &[
    (
        "interactive",
        UseCase::Interactive,
        "A person at a terminal",
    ),
    ("ci", UseCase::Ci, "A machine on which no user can sign in"),
    ("bare", UseCase::Bare, "Scripts that run `claude --bare`"),
    (
        "gateway",
        UseCase::Gateway,
        "Tools without a real credential",
    ),
    (
        "rotating",
        UseCase::Rotating,
        "A secret that another program rotates",
    ),
    (
        "shared",
        UseCase::Shared,
        "Several people or tools on one account",
    ),
];

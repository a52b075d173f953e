//! The commands about who pays, as typed: `status`, `guard`, `bind`, `unbind`, `hook`, `advise`.

use std::path::PathBuf;

use clap::ValueEnum;
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Client, Expected};

/// `status`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --check it ends with 0: usable, 4: no credential or a dead one, 5: it rests\n\
    or is blocked (--for keyreeve), 8: not who was meant pays.\n\n\
    Examples:\n  keyreeve status\n  keyreeve status --for sdk-python --json\n  \
    keyreeve status --check --expect plan\n  keyreeve status --for claude-code@2.1.197 -- -p --bare"
)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) started: Started,
    /// List the places in which nothing is set, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print the first line only; it begins with `warning:` where not who was meant here pays
    #[arg(long, conflicts_with_all = ["all", "check"])]
    pub(crate) brief: bool,
    /// End with an exit code that tells whether the next request can be paid
    #[arg(long)]
    pub(crate) check: bool,
    /// Who is meant to pay: plan, metered, cloud, gateway or a profile's name [default: what the directory is bound to]
    #[arg(long, value_name = "WHO", requires = "check")]
    pub(crate) expect: Option<Expected>,
}

/// Which client, and how it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct Started {
    /// Whose priority chain to follow: claude-code, bare, sdk-python, sdk-typescript or keyreeve; with @ and a version
    /// where it matters
    #[arg(long = "for", value_name = "CLIENT", default_value = "claude-code")]
    pub(crate) client: Client,
    /// The arguments that the client would be started with
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// `guard`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It ends with 0 where who is meant would pay, else with 8.\n\n\
    Examples:\n  keyreeve guard --expect plan && claude -p hi\n  keyreeve guard --expect metered --for sdk-python"
)]
pub(crate) struct Guard {
    /// Who is meant to pay: plan, metered, cloud, gateway or a profile's name [default: what the directory is bound to]
    #[arg(long, value_name = "WHO")]
    pub(crate) expect: Option<Expected>,
    #[command(flatten)]
    pub(crate) started: Started,
}

/// `bind`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The binding is kept in your own store; nothing is written in the directory. \
    Of several that hold, the nearest wins.\n\n\
    Examples:\n  keyreeve bind --expect plan\n  keyreeve bind ~/work --profile work --expect metered"
)]
pub(crate) struct Bind {
    /// The directory, and all below it
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// The profile that keyreeve uses there
    #[arg(long, value_name = "NAME", required_unless_present = "expect")]
    pub(crate) profile: Option<Name>,
    /// Who is meant to pay there: plan, metered, cloud, gateway or a profile's name
    #[arg(long, value_name = "WHO")]
    pub(crate) expect: Option<Expected>,
}

/// `unbind`
#[derive(Debug, clap::Args)]
pub(crate) struct Unbind {
    /// The directory that was bound
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
}

/// `hook`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    eval \"$(keyreeve hook bash)\"           in ~/.bashrc\n  \
    eval \"$(keyreeve hook zsh)\"            in ~/.zshrc\n  \
    keyreeve hook fish | source             in ~/.config/fish/config.fish")]
pub(crate) struct Hook {
    /// The shell
    pub(crate) shell: HookShell,
}

/// A shell with a hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum HookShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// `advise`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  keyreeve advise --use ci")]
pub(crate) struct Advise {
    /// What the credential is wanted for
    #[arg(long = "use", value_name = "USE")]
    pub(crate) wanted: Wanted,
}

/// What a credential is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Wanted {
    /// A person at a terminal
    Interactive,
    /// A machine, and nobody who could sign in
    Ci,
    /// Scripts that start `claude --bare`
    Bare,
    /// Tools that hold no real credential
    Gateway,
    /// A secret that another program replaces by itself
    Rotating,
    /// Several people or tools on one account
    Shared,
}

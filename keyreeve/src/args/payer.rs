//! Arguments of the commands about who pays: `status`, `guard`, `bind`, `unbind`, `hook`, `statusline`,
//! `advise`.

use std::path::PathBuf;

use clap::ValueEnum;
use keyreeve_broker::admin::bindings::BindingChange;
use keyreeve_core::binding::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::advise::UseCase;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::resolve::{ClientProgram, RequestedClient};

use super::values::{Choice, choice, client_program, expected_payer};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code with --check: 0 usable, 3 an invalid base URL, 4 no credential, a dead\n\
    one or a placeholder, 5 in cooldown or blocked (with --for keyreeve), 8 another\n\
    account than expected pays\n\n\
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
    #[arg(long, value_name = "PAYER", requires = "check", value_parser = expected_payer)]
    pub(crate) expect: Option<Expected>,
}

/// The client, and how it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// Client whose chain to follow: claude-code, bare, sdk-python, sdk-typescript or keyreeve, with @VERSION if it matters
    #[arg(long = "for", value_name = "CLIENT", default_value = "claude-code", value_parser = client_program::<RequestedClient>)]
    client: RequestedClient,
    /// Arguments the client would be started with
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

impl ClientArgs {
    /// Returns the client, and how it is started: by a script, unless there are arguments for it.
    pub(crate) fn start(&self) -> (ClientProgram, Arguments) {
        let arguments = Arguments::parse(self.arguments.iter().map(String::as_str));
        let client = match self.arguments.as_slice() {
            [] => self.client.client,
            _ => self.client.client.with_arguments(&arguments),
        };
        (client, arguments)
    }

    /// Returns a sentence about a version that was not observed.
    pub(crate) fn note(&self) -> Option<String> {
        self.client.note()
    }
}

/// Arguments of `guard`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 the expected account pays, 8 another one does, 3 an invalid base\n\
    URL, 4 a placeholder or a reference instead of the credential\n\n\
    Examples:\n  keyreeve guard --expect plan && claude -p hi\n  \
    keyreeve guard --expect metered --for sdk-python"
)]
pub(crate) struct GuardArgs {
    /// Expected payer: plan, metered, cloud, gateway or a profile [default: that of this directory]
    #[arg(long, value_name = "PAYER", value_parser = expected_payer)]
    pub(crate) expect: Option<Expected>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Arguments of `bind`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The binding is saved in your own store; nothing is written to the directory. If\n\
    several bindings apply, the nearest directory wins. What you don't name stays as\n\
    it was. A bound profile is expected to pay: `guard`, `status`, `hook` and\n\
    `statusline` warn if another account would.\n\n\
    Examples:\n  keyreeve bind --expect plan\n  \
    keyreeve bind ~/work --profile work --expect metered\n  \
    keyreeve bind ~/work --no-expect         keeps the profile"
)]
pub(crate) struct BindArgs {
    /// Directory to bind, with everything below it
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Profile that keyreeve uses there
    #[arg(long, value_name = "NAME", required_unless_present_any = ["expect", "no_profile", "no_expect"])]
    profile: Option<Name>,
    /// Expected payer there: plan, metered, cloud, gateway or a profile
    #[arg(long, value_name = "PAYER", value_parser = expected_payer)]
    expect: Option<Expected>,
    /// Remove the profile from the binding
    #[arg(long, conflicts_with = "profile")]
    no_profile: bool,
    /// Remove the expected payer from the binding
    #[arg(long, conflicts_with = "expect")]
    no_expect: bool,
}

impl BindArgs {
    /// Returns the directory, and the changes to its profile and its expected payer.
    pub(crate) fn into_changes(self) -> (PathBuf, BindingChange<Name>, BindingChange<Expected>) {
        let profile = change(self.profile, self.no_profile);
        let expect = change(self.expect, self.no_expect);
        (self.directory, profile, expect)
    }
}

/// Returns the change that an option and its `--no-` form make; clap allows one of them.
fn change<T>(set: Option<T>, is_cleared: bool) -> BindingChange<T> {
    match (set, is_cleared) {
        (Some(value), _) => BindingChange::Set(value),
        (None, true) => BindingChange::Clear,
        (None, false) => BindingChange::Keep,
    }
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

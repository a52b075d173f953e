//! The command line as typed: clap structs without logic.
//!
//! Invariants: nothing here looks at the environment, a file or the clock; no argument ever holds a secret. What the words
//! mean is decided in [`crate::settings`]; commands never see these types.

mod ask;
mod doctor;
mod handing;
mod import;
mod key;
mod launch;
mod onboard;
mod payer;
mod profile;
mod report;
mod serve;
mod statusline;
mod store;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use ask::{Ask, Check};
pub(crate) use doctor::Doctor;
pub(crate) use handing::Handing;
pub(crate) use import::{Import, ImportFrom};
pub(crate) use key::{AddKey, CacheTtl, Choosing, Class, Connect, Connectable, Key};
pub(crate) use launch::{Env, Exec, Launch, Shell as EnvShell};
pub(crate) use onboard::{LoginThere, Onboard};
pub(crate) use payer::{Advise, Bind, Guard, Hook, HookShell, Started, Status, Unbind, Wanted};
pub(crate) use profile::{AddProfile, Auth, PlanToken, Profile};
pub(crate) use report::{Attempts, Dimension, Inspect, Usage};
pub(crate) use serve::{Sandbox, Serve};
pub(crate) use statusline::Statusline;
pub(crate) use store::Store;

/// A credential broker for the Anthropic API: who pays, is it well, who may use it.
#[derive(Debug, Parser)]
#[command(
    name = "keyreeve",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
        keyreeve onboard                      set up what pays, with a few questions\n  \
        keyreeve serve --sandbox              try everything offline, without an account\n  \
        keyreeve profile add work             keep an API key, sealed\n  \
        keyreeve key add laptop --profile work\n  \
        keyreeve connect claude-code --key laptop\n  \
        keyreeve exec --native -- claude      your own login pays, and nothing else\n  \
        keyreeve usage --by key --since 7d\n\n\
        Exit codes:\n  \
        0 done, 1 failed, 2 wrong command line, 3 invalid configuration, 4 no credential or a bad one,\n  \
        5 valid but not usable now, 6 upstream or network, 7 store locked or unreadable,\n  \
        8 refused by a rule, 130 interrupted; exec has its own"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    /// None: a short status.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Print one JSON document with a `schema_version` on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Never ask; fail where a question would be needed
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Say only what goes wrong
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    Auto,
    /// Also into a pipe.
    Always,
    /// Not at all.
    Never,
}

/// The commands, nouns first.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up what pays, from what is there, with a few questions
    Onboard(Onboard),
    /// Run the gateway
    Serve(Serve),
    /// Run the simulated Anthropic API alone
    Sandbox(Sandbox),
    /// Say which credential the next request of a client would use, and why
    Status(Status),
    /// End with 0 where who is meant to pay would pay, else with 8
    Guard(Guard),
    /// Say which way to authenticate suits a use, and which do not
    Advise(Advise),
    /// Bind a directory to a profile, and to who is meant to pay there
    Bind(Bind),
    /// Take a directory's binding away
    Unbind(Unbind),
    /// List the bound directories
    Bindings,
    /// Print a shell's hook that tells when a change of directory changes who pays
    Hook(Hook),
    /// Print Claude Code's status line: who pays, how far the plan is used up, what the session cost
    Statusline(Statusline),
    /// Ask profiles' upstreams for one token, and say how well each credential is
    Check(Check),
    /// Ask a model one question, and say who paid what for it
    Ask(Ask),
    /// Start a program with one credential, and say who pays before it starts
    Exec(Exec),
    /// Print the variables by which programs use a profile
    Env(Env),
    /// Find what is wrong or risky on this machine: where, and what mends it
    Doctor(Doctor),
    /// Say what a pasted token is, offline and without echoing it
    Inspect(Inspect),
    /// Keep credentials
    #[command(subcommand, visible_alias = "profiles")]
    Profile(Profile),
    /// Make the virtual keys that tools hold instead of a credential
    #[command(subcommand, visible_alias = "keys")]
    Key(Key),
    /// Move in from another program: its credentials become profiles
    Import(Import),
    /// Print paste-ready settings for a client
    Connect(Connect),
    /// Print a key for a client that asks a program for it, such as Claude Code's apiKeyHelper
    #[command(after_help = HELPER_HELP)]
    Helper(Handing),
    /// Print a key, where it leads and when it ends, for the SDKs' credential providers
    #[command(
        after_help = "Examples:\n  keyreeve credential --json\n  keyreeve credential --json --profile work"
    )]
    Credential(Handing),
    /// Sum up tokens and cost
    Usage(Usage),
    /// List the newest ledger rows
    Attempts(Attempts),
    /// Show the limits that answers told: what is left, and until when
    #[command(
        after_help = "Nothing is asked for it: each answer through the gateway, and Claude Code's status line, tell them.\n\n\
            Examples:\n  keyreeve limits\n  keyreeve limits --json"
    )]
    Limits,
    /// Make, describe, save and restore the store
    #[command(subcommand)]
    Store(Store),
    /// Show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script
    #[command(
        after_help = "Example:\n  keyreeve completions bash > ~/.local/share/bash-completion/completions/keyreeve"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version
    Version,
}

const HELPER_HELP: &str = "Prints one line, or nothing and exits with a code that is not 0; it never asks.\n\
    With a running gateway it prints a virtual key that ends within 20 minutes; else, and only for a profile\n\
    that was added with --direct, the credential itself.\n\n\
    Examples:\n  \
    keyreeve helper --profile work\n  \
    ANTHROPIC_BASE_URL=http://127.0.0.1:8484 claude --settings '{\"apiKeyHelper\":\"keyreeve helper --profile work\"}'\n  \
    curl -H \"x-api-key: $(keyreeve helper)\" http://127.0.0.1:8484/v1/models";

/// `config …`
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Config {
    /// Print where the configuration file is looked for
    Path,
    /// Print each setting, its value and where that came from
    Show,
    /// Print the JSON Schema of the configuration file
    Schema,
}

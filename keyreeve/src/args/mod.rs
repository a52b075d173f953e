//! The command line as clap structs, with its help texts and error messages.
//!
//! Invariants: nothing here reads the environment or a file, and the clock only for times relative to now; no argument ever
//! contains a secret. A value is parsed once, here, to the type that its command uses.

mod ask;
mod error;
mod help;
mod key;
mod launch;
mod onboard;
mod payer;
mod profile;
mod protect;
mod report;
mod serve;
mod store;
mod values;
mod when;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use ask::{AskArgs, CheckArgs};
pub(crate) use error::usage_error;
pub(crate) use help::{command, help_of, subcommand_path};
pub(crate) use key::{
    AddKeyArgs, ConnectArgs, ConnectClient, CredentialArgs, KeyCommand, RotateKeyArgs,
};
pub(crate) use launch::{EnvArgs, EnvShell, ExecArgs, LaunchArgs};
pub(crate) use onboard::{ExistingLogin, ImportArgs, OnboardArgs};
pub(crate) use payer::{
    AdviseArgs, BindArgs, GuardArgs, HookArgs, HookShell, StatusArgs, StatuslineArgs, UnbindArgs,
};
pub(crate) use profile::{AddProfileArgs, ProfileCommand, RotateProfileArgs, SetupTokenArgs};
pub(crate) use protect::{ProtectAction, ProtectArgs};
pub(crate) use report::{DoctorArgs, InspectArgs, RequestsArgs, UsageArgs};
pub(crate) use serve::{SandboxArgs, ServeArgs};
pub(crate) use store::{ConfigCommand, PassphraseArgs, RestoreArgs, StoreCommand};
pub(crate) use values::{Consent, SecretInput, is_model_glob, unique};

/// A credential broker for the Anthropic API
#[derive(Debug, Parser)]
#[command(
    name = "keyreeve",
    version,
    disable_help_subcommand = true,
    max_term_width = 80,
    after_help = "Examples:\n  \
        keyreeve onboard                        set up a credential, step by step\n  \
        keyreeve serve --sandbox                try everything offline, no account\n  \
        keyreeve profile add work               save an API key, encrypted\n  \
        keyreeve key add laptop --profile work  create a virtual key for a tool\n  \
        keyreeve connect claude-code --key laptop\n  \
        keyreeve exec --native -- claude        run Claude Code on your own login\n  \
        keyreeve usage --by key --since 7d\n\n\
        Exit codes:\n  \
        0 success                            5 credential valid, not usable now\n  \
        1 failure                            6 upstream or network failure\n  \
        2 invalid command line               7 store locked or unreadable\n  \
        3 invalid configuration              8 refused by a policy rule\n  \
        4 no credential, or an invalid one   130 interrupted\n  \
        `exec` has its own: keyreeve help exec"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// `None`: a short status.
    #[command(subcommand)]
    pub(crate) command: Option<CliCommand>,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print one JSON document; errors as JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Never prompt; fail if input is needed
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Print only data and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Use of color: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: ColorWhen,
}

/// Use of color.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    Auto,
    /// Always, even into a pipe
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Show which credential the next request uses, and why
    Status(StatusArgs),
    /// Exit 0 if the expected account would pay, 8 if not
    Guard(GuardArgs),
    /// Run a program with one credential
    Exec(ExecArgs),
    /// Print environment variables that make programs use a profile
    Env(EnvArgs),
    /// Ask a model a question, and show who paid and how much
    Ask(AskArgs),
    /// Make the right account pay, also for plain `claude`
    Protect(ProtectArgs),
    /// Bind a directory to a profile or an expected payer
    Bind(BindArgs),
    /// Remove the binding of a directory
    Unbind(UnbindArgs),
    /// List bound directories
    #[command(after_help = "Examples:\n  keyreeve bindings\n  keyreeve bindings --json")]
    Bindings,
    /// Print a shell hook that reports when who pays changes
    Hook(HookArgs),
    /// Print Claude Code's status line: payer, plan usage, session cost
    Statusline(StatuslineArgs),
    /// Recommend an authentication method for a use case
    Advise(AdviseArgs),
    /// Manage credentials
    #[command(subcommand, visible_alias = "profiles")]
    Profile(ProfileCommand),
    /// Import credentials from another program
    Import(ImportArgs),
    /// Test credentials with a one-token request
    Check(CheckArgs),
    /// Identify a token offline, without showing it
    Inspect(InspectArgs),
    /// Run the gateway
    Serve(ServeArgs),
    /// Manage virtual keys
    #[command(subcommand, visible_alias = "keys")]
    Key(KeyCommand),
    /// Print client settings for the gateway, ready to paste
    Connect(ConnectArgs),
    /// Print a temporary key, for Claude Code's apiKeyHelper
    #[command(after_help = HELPER_HELP)]
    Helper(CredentialArgs),
    /// Print a temporary key with its base URL and expiry
    #[command(after_help = CREDENTIAL_HELP)]
    Credential(CredentialArgs),
    /// Run a simulated Anthropic API
    Sandbox(SandboxArgs),
    /// Sum up tokens and cost
    Usage(UsageArgs),
    /// List recent requests
    #[command(visible_alias = "log")]
    Requests(RequestsArgs),
    /// Show rate limits and plan windows seen in responses
    #[command(
        after_help = "Sends nothing: limits are recorded from responses through the gateway and from\n\
            Claude Code's status line.\n\n\
            Examples:\n  keyreeve limits\n  keyreeve limits --json"
    )]
    Limits,
    /// Set up a credential, step by step
    Onboard(OnboardArgs),
    /// Find problems and risks on this machine, and how to fix them
    Doctor(DoctorArgs),
    /// Create, describe, back up and restore the store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a shell completion script
    #[command(after_help = "Examples:\n  \
            keyreeve completions zsh > ~/.zfunc/_keyreeve\n  \
            keyreeve completions fish > ~/.config/fish/completions/keyreeve.fish")]
    Completions {
        /// Shell to generate the script for
        shell: Shell,
    },
    /// Print the version
    #[command(after_help = "Examples:\n  keyreeve version\n  keyreeve version --json")]
    Version,
    /// Print this help, or the help of a command
    #[command(after_help = "Examples:\n  keyreeve help\n  keyreeve help profile add")]
    Help {
        /// Command to describe
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

const HELPER_HELP: &str = "Prints exactly one line, or nothing and a non-zero exit code; never prompts.\n\
    With a running gateway, prints a virtual key that expires within 20 minutes.\n\
    Without one, prints the raw credential, but only if the profile allows it\n\
    (`keyreeve profile direct NAME`).\n\n\
    Examples:\n  \
    keyreeve helper --profile work\n  \
    claude --settings '{\"apiKeyHelper\":\"keyreeve helper --profile work\"}'\n  \
    curl -H \"x-api-key: $(keyreeve helper)\" http://127.0.0.1:8484/v1/models";

const CREDENTIAL_HELP: &str = "For the credential providers of the SDKs.\n\n\
    Examples:\n  keyreeve credential --json\n  keyreeve credential --json --profile work";

//! Arguments of `onboard` and `import`.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, ValueEnum};
use keyreeve_core::origin::PlainHttp;
use keyreeve_core::profile::Name;
use keyreeve_resolver::import::ImportSource;

use super::SetupTokenArgs;
use super::values::{Choice, SecretInput, choice, secret_input, switch};

/// Arguments of `onboard`.
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("method"),
    after_help = "Without an option that chooses a credential, it looks for existing ones and asks\n\
        at most four questions.\n\n\
        Examples:\n  \
        keyreeve onboard\n  \
        pass show anthropic | keyreeve onboard --api-key-stdin --name work\n  \
        keyreeve onboard --use claude-login\n  \
        keyreeve onboard --from-env --key ci\n  \
        pass show gateway | keyreeve onboard --gateway https://gateway.example"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(crate) struct OnboardArgs {
    /// Save the API key from standard input
    #[arg(long, group = "method")]
    pub(crate) api_key_stdin: bool,
    /// Use an existing login by reference; its tokens are not copied
    #[arg(long = "use", group = "method", value_name = "LOGIN", value_enum)]
    pub(crate) login: Option<ExistingLogin>,
    /// Save the token of `claude setup-token`; only `claude` can use it
    #[arg(long, group = "method")]
    pub(crate) setup_token: bool,
    /// Use another gateway, with its token from standard input
    #[arg(long, group = "method", value_name = "URL")]
    pub(crate) gateway: Option<String>,
    /// Use the key and base URL in the environment, by reference
    #[arg(long, group = "method")]
    pub(crate) from_env: bool,
    /// Profile name [default: work, env, claude, plan or gateway]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Also create a virtual key with this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["login", "setup_token"])]
    pub(crate) key: Option<Name>,
    /// Skip the final one-token test request
    #[arg(long)]
    pub(crate) no_check: bool,
    /// Read the setup-token from standard input
    #[arg(
        long = "stdin",
        requires = "setup_token",
        action = ArgAction::SetTrue,
        value_parser = secret_input()
    )]
    pub(crate) input: SecretInput,
    #[command(flatten)]
    pub(crate) plan: SetupTokenArgs,
    /// Allow http to a loopback IP address of this machine
    #[arg(
        long = "insecure-loopback",
        id = "insecure_loopback",
        requires = "gateway",
        action = ArgAction::SetTrue,
        value_parser = switch(PlainHttp::Forbidden, PlainHttp::LoopbackOnly)
    )]
    pub(crate) plain: PlainHttp,
    /// The gateway is a sandbox: requests are free and marked as simulated
    #[arg(long, requires = "insecure_loopback")]
    pub(crate) simulated: bool,
}

/// Logins that may already exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ExistingLogin {
    /// Claude Code's own login
    ClaudeLogin,
}

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Changes and deletes nothing of the other program. Plan logins are never copied;\n\
        the output lists what was skipped, and why.\n\n\
        Examples:\n  \
        keyreeve import openclaw --dry-run\n  \
        keyreeve import claude-code\n  \
        keyreeve import clawdbot /mnt/old-home/.clawdbot"
)]
pub(crate) struct ImportArgs {
    /// Program to import from
    #[arg(value_parser = choice(IMPORT_SOURCES))]
    pub(crate) from: ImportSource,
    /// Directory of the program [default: its usual directory]
    pub(crate) path: Option<PathBuf>,
    /// Show what would be imported, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

const IMPORT_SOURCES: &[Choice<ImportSource>] = &[
    (
        "clawdbot",
        ImportSource::Clawdbot,
        "Clawdbot, up to January 2026",
    ),
    ("openclaw", ImportSource::Openclaw, "OpenClaw"),
    (
        "claude-code",
        ImportSource::ClaudeCode,
        "Claude Code: settings, helper and login",
    ),
    (
        "anthropic-profiles",
        ImportSource::AnthropicProfiles,
        "Profiles of the official SDKs",
    ),
];

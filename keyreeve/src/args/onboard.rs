//! Arguments of `onboard`.

use clap::{ArgGroup, ValueEnum};
use keyreeve_core::profile::Name;

use super::SetupTokenArgs;

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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as typed; settings make enums of them"
)]
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
    #[arg(long, requires = "setup_token")]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) plan: SetupTokenArgs,
    /// Allow http to a loopback IP address of this machine
    #[arg(long, requires = "gateway")]
    pub(crate) insecure_loopback: bool,
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

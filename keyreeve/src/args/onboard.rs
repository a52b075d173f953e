//! `onboard` as typed.

use clap::{ArgGroup, ValueEnum};
use keyreeve_core::profile::Name;

use super::PlanToken;

/// `onboard`
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("way"),
    after_help = "Without a flag that says what shall pay, it looks what is there and asks: four questions at the most.\n\n\
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
pub(crate) struct Onboard {
    /// Keep the API key that comes on standard input
    #[arg(long, group = "way")]
    pub(crate) api_key_stdin: bool,
    /// Use a login that is there, by reference: no token of it is kept
    #[arg(long = "use", group = "way", value_name = "LOGIN", value_enum)]
    pub(crate) login: Option<LoginThere>,
    /// Keep the token of `claude setup-token`, your own plan's: for `keyreeve exec -- claude` and nothing else
    #[arg(long, group = "way")]
    pub(crate) setup_token: bool,
    /// Use another gateway; its token comes on standard input
    #[arg(long, group = "way", value_name = "URL")]
    pub(crate) gateway: Option<String>,
    /// Use the key that the environment holds for Anthropic's SDKs, and the address beside it, by reference
    #[arg(long, group = "way")]
    pub(crate) from_env: bool,
    /// What to call the profile [default: work, env, claude, plan or gateway]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Make a virtual key for your tools as well
    #[arg(long, value_name = "NAME", conflicts_with_all = ["login", "setup_token"])]
    pub(crate) key: Option<Name>,
    /// Do not ask for one token in the end to see that it works
    #[arg(long)]
    pub(crate) no_check: bool,
    /// Read the setup-token from standard input
    #[arg(long, requires = "setup_token")]
    pub(crate) stdin: bool,
    #[command(flatten)]
    pub(crate) plan: PlanToken,
    /// Allow plain http, to an IP address of this machine's own
    #[arg(long, requires = "gateway")]
    pub(crate) insecure_loopback: bool,
    /// The gateway is a keyreeve sandbox: requests cost nothing and are marked
    #[arg(long, requires = "insecure_loopback")]
    pub(crate) simulated: bool,
}

/// A login that may be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LoginThere {
    /// Claude Code's own.
    ClaudeLogin,
}

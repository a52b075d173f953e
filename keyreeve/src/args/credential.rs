//! Arguments of `helper` and `credential`.

use keyreeve_core::profile::Name;

/// Arguments of `helper` and `credential`.
#[derive(Debug, clap::Args)]
pub(crate) struct CredentialArgs {
    /// Profile that pays [default: the default profile]
    #[arg(long, short, value_name = "PROFILE", conflicts_with = "key")]
    pub(crate) profile: Option<Name>,
    /// Virtual key whose profiles and limits apply
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Name>,
}

//! `helper` and `credential` as typed.

use keyreeve_core::profile::Name;

/// `helper` and `credential`
#[derive(Debug, clap::Args)]
pub(crate) struct Handing {
    /// The profile that shall pay [default: the one `profile use` chose]
    #[arg(long, short, value_name = "PROFILE", conflicts_with = "key")]
    pub(crate) profile: Option<Name>,
    /// Hand out a short-lived secret of this virtual key, with its limits
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Name>,
}

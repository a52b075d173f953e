//! The expected payer: the account that should pay in a directory.

use std::fmt;
use std::str::FromStr;

use crate::profile::{Name, NameError};

/// The account that should pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// A person's subscription.
    Plan,
    /// An organization's API credit.
    Metered,
    /// A cloud account.
    Cloud,
    /// A gateway.
    Gateway,
    /// The account that pays for this profile, with the profile's own credential.
    Profile(Name),
}

impl FromStr for Expected {
    type Err = NameError;

    /// Parses a class; any other name is a profile's.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(match text {
            "plan" => Self::Plan,
            "metered" => Self::Metered,
            "cloud" => Self::Cloud,
            "gateway" => Self::Gateway,
            name => Self::Profile(name.parse()?),
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Metered => f.write_str("metered"),
            Self::Cloud => f.write_str("cloud"),
            Self::Gateway => f.write_str("gateway"),
            Self::Profile(name) => name.fmt(f),
        }
    }
}

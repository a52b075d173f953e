//! Bindings: the profile that programs in a directory should use, and the expected payer there.
//!
//! A binding is stored in the user's own store and never in the directory itself, since a repository is untrusted. The
//! nearest ancestor wins.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::profile::{Name, NameError, ProfileId};

/// The binding of a directory and everything below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The directory: an absolute path with symbolic links resolved.
    pub directory: String,
    /// The profile that programs in it should use; `None` if only the payer is bound.
    pub profile: Option<ProfileId>,
    /// The expected payer.
    pub expect: Option<Expected>,
}

/// The expected payer: the account that should pay in a directory.
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

impl Binding {
    /// Returns the binding that applies to `directory`: its own, or that of its nearest ancestor.
    pub fn nearest<'a>(bindings: &'a [Self], directory: &str) -> Option<&'a Self> {
        let directory = Path::new(directory);
        bindings
            .iter()
            .filter(|binding| directory.starts_with(&binding.directory))
            .max_by_key(|binding| Path::new(&binding.directory).components().count())
    }
}

impl Expected {
    /// The names of the classes; any other name is a profile's.
    pub const CLASSES: [&str; 4] = ["plan", "metered", "cloud", "gateway"];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(directory: &str) -> Binding {
        Binding {
            directory: directory.to_owned(),
            profile: None,
            expect: None,
        }
    }

    #[test]
    fn nearest_ancestor_wins() {
        let bindings = [bound("/w"), bound("/w/a/b"), bound("/w/a")];
        let nearest = |directory| {
            Binding::nearest(&bindings, directory).map(|binding| binding.directory.as_str())
        };
        assert_eq!(nearest("/w/a/b/c"), Some("/w/a/b"));
        assert_eq!(nearest("/w/a"), Some("/w/a"));
        assert_eq!(nearest("/w/ab"), Some("/w"));
        assert_eq!(nearest("/other"), None);
    }
}

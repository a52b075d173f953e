//! Who is meant to pay, and whether a resolution meets that.

use std::fmt;
use std::str::FromStr;

use crate::profile::{BadName, Name};

use super::payer::PayerClass;
use super::{Place, Resolution};

/// Who is meant to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// A person's subscription.
    Plan,
    /// API credit of an organization.
    Metered,
    /// A cloud account.
    Cloud,
    /// A gateway.
    Gateway,
    /// Whoever pays for this profile, and by its credential.
    Profile(Name),
}

/// A payer that is not the one meant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{expected} was meant to pay, but {headline}")]
pub struct Unexpected {
    expected: Expected,
    headline: String,
}

impl Expected {
    /// Judges whether the one meant would pay. What is only likely counts, except where two credentials conflict.
    ///
    /// # Errors
    /// [`Unexpected`], which says who would pay instead.
    pub fn met_by(&self, resolution: &Resolution) -> Result<(), Unexpected> {
        let is_met = self.names(resolution.payer.class).unwrap_or_else(|name| {
            let slots = [&resolution.x_api_key, &resolution.authorization];
            let mut filled = slots.into_iter().flatten().peekable();
            filled.peek().is_some()
                && filled.all(|slot| {
                    matches!(&slot.place, Place::Profile { name: its } if its == name.as_str())
                })
        });
        self.met(is_met, resolution.headline())
    }

    /// Judges whether the one meant would pay where a profile does, of which it is known who pays for it. `headline` says
    /// who that is.
    ///
    /// # Errors
    /// [`Unexpected`], which repeats the headline.
    pub fn met_by_class(
        &self,
        class: PayerClass,
        profile: &Name,
        headline: &str,
    ) -> Result<(), Unexpected> {
        let is_met = self.names(class).unwrap_or_else(|name| name == profile);
        self.met(is_met, headline)
    }

    /// Whether it is this class of payers; where a profile is meant, its name.
    fn names(&self, class: PayerClass) -> Result<bool, &Name> {
        match self {
            Self::Plan => Ok(class == PayerClass::Plan),
            Self::Metered => Ok(class == PayerClass::OrganizationCredit),
            Self::Cloud => Ok(class == PayerClass::Cloud),
            Self::Gateway => Ok(class == PayerClass::Gateway),
            Self::Profile(name) => Err(name),
        }
    }

    fn met(&self, is_met: bool, headline: &str) -> Result<(), Unexpected> {
        if is_met {
            return Ok(());
        }
        Err(Unexpected {
            expected: self.clone(),
            headline: headline.to_owned(),
        })
    }
}

impl FromStr for Expected {
    type Err = BadName;

    /// Reads a class; any other name is a profile's.
    fn from_str(text: &str) -> Result<Self, BadName> {
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

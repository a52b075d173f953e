//! Who is meant to pay, and whether a resolution meets that.

use std::fmt;
use std::str::FromStr;

use crate::profile::{BadName, Name, Profile, Source};
use crate::snapshot::Snapshot;

use super::payer::{PayerClass, Sureness};
use super::{Place, Resolution, Slot};

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

/// What a redacted token shows of its end. Without it, two tokens of a family look alike.
const SHOWN_END: usize = 4;

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
        Err(self.unmet(headline))
    }
}

impl Expected {
    /// Judges as [`Self::met_by`], but takes a profile for met also where another client would send that profile's own
    /// credential: surely, where it reads the very place the profile does; likely, where what is shown of the token is the
    /// same. A secret that comes to light only when it is fetched is never taken for the profile's. Nobody is taken for
    /// met while a settings file that the client would read cannot be read by us.
    ///
    /// # Errors
    /// [`Unexpected`], which says who would pay instead.
    pub fn judge(
        &self,
        resolution: &Resolution,
        snapshot: &Snapshot,
    ) -> Result<Sureness, Unexpected> {
        if resolution.unread.is_some() {
            return Err(self.unmet(resolution.headline()));
        }
        let Self::Profile(name) = self else {
            return self.met_by(resolution).map(|()| resolution.payer.sure);
        };
        if self.met_by(resolution).is_ok() {
            return Ok(resolution.payer.sure);
        }
        let own = snapshot.own.profiles.iter().find(|it| it.name == *name);
        own.and_then(|profile| carries(profile, resolution, snapshot))
            .ok_or_else(|| self.unmet(resolution.headline()))
    }

    fn unmet(&self, headline: &str) -> Unexpected {
        Unexpected {
            expected: self.clone(),
            headline: headline.to_owned(),
        }
    }
}

/// Whether all that a request carries is this profile's credential, on its way to the profile's own address.
fn carries(profile: &Profile, resolution: &Resolution, snapshot: &Snapshot) -> Option<Sureness> {
    let base_url = profile.base_url.to_string();
    let goes_there = match &resolution.moved {
        None => profile.base_url.origin().is_first_party() && profile.base_url.path().is_empty(),
        Some(moved) => moved
            .base_url
            .as_ref()
            .is_some_and(|its| its.trim_end_matches('/') == base_url),
    };
    if !goes_there || resolution.sends_nothing.is_some() {
        return None;
    }
    let slots = [&resolution.x_api_key, &resolution.authorization];
    let sureness: Option<Vec<_>> = slots
        .into_iter()
        .flatten()
        .map(|slot| is_of(profile, slot, snapshot))
        .collect();
    let sureness = sureness.filter(|slots| !slots.is_empty())?;
    let is_likely = sureness.contains(&Sureness::Likely);
    Some(if is_likely {
        Sureness::Likely
    } else {
        Sureness::Sure
    })
}

fn is_of(profile: &Profile, slot: &Slot, snapshot: &Snapshot) -> Option<Sureness> {
    let is_same_place = match (&profile.source, &slot.place) {
        (Source::Environment { variable }, Place::Variable { name }) => variable == name,
        (
            Source::SdkProfile { directory, name },
            Place::SdkProfile {
                name: its,
                directory: found,
            },
        ) => name.as_str() == its && directory.as_ref().is_none_or(|it| it == found),
        (Source::ClaudeLogin { config_dir }, Place::Login { path }) => {
            let directory = config_dir
                .clone()
                .or_else(|| Some(format!("{}/.claude", snapshot.home.as_deref()?)));
            directory.is_some_and(|directory| format!("{directory}/.credentials.json") == *path)
        }
        (
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. },
            _,
        ) => false,
    };
    let shows_its_end = |hint: &String| {
        hint.split_once('…')
            .is_some_and(|(_, end)| end.len() == SHOWN_END)
    };
    let looks_alike = slot.family == profile.family
        && slot.hint == profile.hint
        && slot.hint.as_ref().is_some_and(shows_its_end);
    match (is_same_place, looks_alike) {
        (true, _) => Some(Sureness::Sure),
        (false, true) => Some(Sureness::Likely),
        (false, false) => None,
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

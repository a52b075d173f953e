//! The check of a resolution against the expected payer.

use keyreeve_core::binding::Expected;
use keyreeve_core::profile::{Name, Profile, Source};

use super::payer::{Confidence, PayerClass};
use super::{Location, Resolution, Slot};
use crate::rules::snapshot::Snapshot;

/// Number of trailing characters in a redacted token; without them, all tokens of a family look alike.
const SHOWN_SUFFIX_LEN: usize = 4;

/// The payer is not the expected one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected} to pay, but {headline}")]
pub struct PayerMismatchError {
    expected: Expected,
    headline: String,
}

impl PayerMismatchError {
    fn new(expected: &Expected, headline: &str) -> Self {
        Self {
            expected: expected.clone(),
            headline: headline.to_owned(),
        }
    }
}

impl Resolution {
    /// Checks that the expected account would pay. A likely payer counts, unless two credentials conflict.
    ///
    /// # Errors
    /// [`PayerMismatchError`], which names the actual payer.
    pub(crate) fn check_payer(&self, expected: &Expected) -> Result<(), PayerMismatchError> {
        let matches = matches_class(expected, self.payer.class).unwrap_or_else(|name| {
            let mut filled = self.slots().peekable();
            filled.peek().is_some()
                && filled.all(|slot| {
                    matches!(&slot.location, Location::Profile { name: found } if found == name.as_str())
                })
        });
        check_match(matches, expected, self.headline())
    }

    /// Checks that the expected account would pay. A likely payer counts, unless two credentials conflict. An expected
    /// profile is also accepted if another client would send that profile's own credential: certainly, if it reads the
    /// same location as the profile; likely, if the redacted token is the same. A secret that is not known until it is
    /// fetched never matches. Nothing matches while a settings file that the client would read cannot be read.
    ///
    /// # Errors
    /// [`PayerMismatchError`], which names the actual payer.
    pub fn confirm_payer(
        &self,
        expected: &Expected,
        snapshot: &Snapshot,
    ) -> Result<Confidence, PayerMismatchError> {
        let mismatch = || PayerMismatchError::new(expected, self.headline());
        if self.unreadable_settings.is_some() {
            return Err(mismatch());
        }
        let Expected::Profile(name) = expected else {
            return self.check_payer(expected).map(|()| self.payer.confidence);
        };
        if self.check_payer(expected).is_ok() {
            return Ok(self.payer.confidence);
        }
        let profiles = &snapshot.keyreeve.profiles;
        let found = profiles.iter().find(|profile| profile.name == *name);
        found
            .and_then(|profile| matches_profile(profile, self, snapshot))
            .ok_or_else(mismatch)
    }
}

/// Checks that the expected account would pay, for a profile whose payer is known. `headline` describes that payer.
///
/// # Errors
/// [`PayerMismatchError`], which repeats the headline.
pub(crate) fn check_payer_class(
    expected: &Expected,
    class: PayerClass,
    profile: &Name,
    headline: &str,
) -> Result<(), PayerMismatchError> {
    let matches = matches_class(expected, class).unwrap_or_else(|name| name == profile);
    check_match(matches, expected, headline)
}

/// Returns whether this class is expected, or the profile's name as the error if a profile is.
fn matches_class(expected: &Expected, class: PayerClass) -> Result<bool, &Name> {
    match expected {
        Expected::Plan => Ok(class == PayerClass::Plan),
        Expected::Metered => Ok(class == PayerClass::OrganizationCredit),
        Expected::Cloud => Ok(class == PayerClass::Cloud),
        Expected::Gateway => Ok(class == PayerClass::Gateway),
        Expected::Profile(name) => Err(name),
    }
}

fn check_match(
    matches: bool,
    expected: &Expected,
    headline: &str,
) -> Result<(), PayerMismatchError> {
    if matches {
        return Ok(());
    }
    Err(PayerMismatchError::new(expected, headline))
}

/// Returns the confidence that a request carries this profile's credential alone, to the profile's own base URL, or
/// `None`.
fn matches_profile(
    profile: &Profile,
    resolution: &Resolution,
    snapshot: &Snapshot,
) -> Option<Confidence> {
    let base_url = profile.base_url.to_string();
    let same_base_url = match &resolution.base_url_override {
        None => profile.base_url.origin().is_first_party() && profile.base_url.path().is_empty(),
        Some(found) => found
            .base_url
            .as_ref()
            .is_some_and(|found| found.trim_end_matches('/') == base_url),
    };
    if !same_base_url || resolution.sends_no_request.is_some() {
        return None;
    }
    let confidences: Option<Vec<_>> = resolution
        .slots()
        .map(|slot| matches_slot(profile, slot, snapshot))
        .collect();
    let confidences = confidences.filter(|slots| !slots.is_empty())?;
    let is_likely = confidences.contains(&Confidence::Likely);
    Some(if is_likely {
        Confidence::Likely
    } else {
        Confidence::Certain
    })
}

/// Returns the confidence that a filled header carries this profile's credential, or `None`.
fn matches_slot(profile: &Profile, slot: &Slot, snapshot: &Snapshot) -> Option<Confidence> {
    let is_same_location = match (&profile.source, &slot.location) {
        (Source::Environment { variable }, Location::Variable { name }) => variable == name,
        (
            Source::SdkProfile { directory, name },
            Location::SdkProfile {
                name: found_name,
                directory: found,
            },
        ) => name.as_str() == found_name && directory.as_ref().is_none_or(|it| it == found),
        (Source::ClaudeLogin { config_dir }, Location::Login { path }) => {
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
    let shows_suffix = |hint: &String| {
        hint.split_once('…')
            .is_some_and(|(_, end)| end.len() == SHOWN_SUFFIX_LEN)
    };
    let looks_alike = slot.family == profile.family
        && slot.hint == profile.hint
        && slot.hint.as_ref().is_some_and(shows_suffix);
    match (is_same_location, looks_alike) {
        (true, _) => Some(Confidence::Certain),
        (false, true) => Some(Confidence::Likely),
        (false, false) => None,
    }
}

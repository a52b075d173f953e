//! The check of a resolution against the expected payer.

use std::fmt;

use keyreeve_core::binding::Expected;
use keyreeve_core::profile::{Name, Profile, Source};
use keyreeve_core::virtual_key::PresentedKey;
use url::Url;

use super::payer::{Confidence, PayerClass};
use super::sent_value::{is_loopback, sent_text};
use super::step::CredentialHeader;
use super::{Location, Resolution, Slot};
use crate::rules::snapshot::Snapshot;

/// Number of trailing characters in a redacted token; without them, all tokens of a family look alike.
const SHOWN_SUFFIX_LEN: usize = 4;

/// The payer is not the expected one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected} to pay, but {headline}")]
pub struct PayerMismatchError {
    expected: ExpectedPayer,
    headline: String,
}

/// A payer that is expected: named by the user, or implied by the profile that a directory is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExpectedPayer {
    /// This one, which the user named.
    Named(Expected),
    /// The profile that the directory is bound to.
    BoundProfile(Name),
    /// The profile that the directory is bound to, which was removed: no account meets the expectation.
    RemovedProfile,
}

/// An expected payer, and whether it would pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedPayer {
    /// The expected payer.
    pub expected: ExpectedPayer,
    /// The confidence that it would pay, or the payer instead of it.
    pub result: Result<Confidence, PayerMismatchError>,
}

impl PayerMismatchError {
    fn new(expected: &Expected, headline: &str) -> Self {
        Self {
            expected: ExpectedPayer::Named(expected.clone()),
            headline: headline.to_owned(),
        }
    }
}

impl fmt::Display for ExpectedPayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(expected) => expected.fmt(f),
            Self::BoundProfile(name) => name.fmt(f),
            Self::RemovedProfile => f.write_str("a profile that was removed"),
        }
    }
}

impl Snapshot {
    /// Returns the payers that are expected in this directory: the one its binding names, then the profile it is bound
    /// to. All of them must pay.
    pub fn expected_payers(&self) -> Vec<ExpectedPayer> {
        let Some(binding) = self.binding() else {
            return Vec::new();
        };
        let named = binding.expect.clone();
        let bound = binding.profile.map(|id| {
            let profiles = &self.keyreeve.profiles;
            let profile = profiles.iter().find(|profile| profile.id == id);
            profile.map_or(ExpectedPayer::RemovedProfile, |profile| {
                ExpectedPayer::BoundProfile(profile.name.clone())
            })
        });
        let is_new = |payer: &ExpectedPayer| match (payer, &named) {
            (ExpectedPayer::BoundProfile(name), Some(Expected::Profile(expected))) => {
                name != expected
            }
            _ => true,
        };
        let bound = bound.filter(is_new);
        named
            .map(ExpectedPayer::Named)
            .into_iter()
            .chain(bound)
            .collect()
    }
}

/// A required payer is neither a class nor a profile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{name}` is neither a class of payer nor a profile")]
pub struct UnknownPayerError {
    /// The name.
    pub name: Name,
    /// The names of the profiles that there are.
    pub profiles: Vec<Name>,
}

/// Checks that a payer exists: a class always does.
///
/// # Errors
/// [`UnknownPayerError`].
pub fn check_payer_exists<'a>(
    expected: &Expected,
    profiles: impl IntoIterator<Item = &'a Profile, IntoIter: Clone>,
) -> Result<(), UnknownPayerError> {
    let profiles = profiles.into_iter();
    match expected {
        Expected::Profile(name) if !profiles.clone().any(|profile| profile.name == *name) => {
            Err(UnknownPayerError {
                name: name.clone(),
                profiles: profiles.map(|it| it.name.clone()).collect(),
            })
        }
        Expected::Profile(_)
        | Expected::Plan
        | Expected::Metered
        | Expected::Cloud
        | Expected::Gateway => Ok(()),
    }
}

/// Returns `true` if a profile belongs to the account that is expected to pay.
pub fn is_expected_profile(expected: &Expected, profile: &Profile) -> bool {
    matches_class(expected, PayerClass::of_profile(profile))
        .unwrap_or_else(|name| *name == profile.name)
}

impl Resolution {
    /// Checks the payer that the user requires now, or else those that are expected in this directory. Of several,
    /// returns the first that would not pay, or else the first.
    pub fn check_expected(
        &self,
        required: Option<&Expected>,
        snapshot: &Snapshot,
    ) -> Option<CheckedPayer> {
        let expected = match required {
            Some(expected) => vec![ExpectedPayer::Named(expected.clone())],
            None => snapshot.expected_payers(),
        };
        let mut checked: Vec<_> = expected
            .into_iter()
            .map(|expected| CheckedPayer {
                result: self.confirm(&expected, snapshot),
                expected,
            })
            .collect();
        checked.sort_by_key(|checked| checked.result.is_ok());
        checked.into_iter().next()
    }

    fn confirm(
        &self,
        expected: &ExpectedPayer,
        snapshot: &Snapshot,
    ) -> Result<Confidence, PayerMismatchError> {
        let mismatch = || PayerMismatchError {
            expected: expected.clone(),
            headline: self.headline().to_owned(),
        };
        match expected {
            ExpectedPayer::Named(payer) => self.confirm_payer(payer, snapshot),
            ExpectedPayer::BoundProfile(name) => self
                .confirm_payer(&Expected::Profile(name.clone()), snapshot)
                .map_err(|_| mismatch()),
            ExpectedPayer::RemovedProfile => Err(mismatch()),
        }
    }

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
    /// fetched never matches. Behind one of our own virtual keys, the account of its profiles likely pays. Nothing
    /// matches while a settings file that the client would read cannot be read.
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
        if self.check_payer(expected).is_ok() {
            return Ok(self.payer.confidence);
        }
        if self.has_expected_virtual_key(expected, snapshot) {
            return Ok(Confidence::Likely);
        }
        let Expected::Profile(name) = expected else {
            return Err(mismatch());
        };
        let profiles = &snapshot.keyreeve.profiles;
        let found = profiles.iter().find(|profile| profile.name == *name);
        found
            .and_then(|profile| matches_profile(profile, self, snapshot))
            .ok_or_else(mismatch)
    }

    /// Returns `true` if the request carries one of our own virtual keys to this machine, and each of the key's profiles
    /// belongs to the expected account. That our gateway listens there is not checked; another program could not use
    /// the key.
    fn has_expected_virtual_key(&self, expected: &Expected, snapshot: &Snapshot) -> bool {
        let base_url = self.base_url_override.as_ref();
        let url = base_url.and_then(|found| Url::parse(found.base_url.as_deref()?).ok());
        if !url.is_some_and(|url| is_loopback(&url)) {
            return false;
        }
        let is_expected = |(slot, header): (&Slot, CredentialHeader)| {
            let presented = sent_text(slot, header, snapshot);
            let presented = presented.and_then(|text| PresentedKey::parse(text.trim()).ok());
            let keys = &snapshot.keyreeve.keys;
            let key = presented.and_then(|key| keys.iter().find(|it| it.hash == key.hash));
            key.is_some_and(|key| {
                let mut profiles = key.profiles.iter();
                !key.profiles.is_empty()
                    && profiles.all(|id| {
                        let mut profiles = snapshot.keyreeve.profiles.iter();
                        profiles.any(|it| it.id == *id && is_expected_profile(expected, it))
                    })
            })
        };
        let headers = [CredentialHeader::XApiKey, CredentialHeader::Authorization];
        let filled = headers.map(|header| Some((self.slot(header)?, header)));
        let mut filled = filled.into_iter().flatten().peekable();
        filled.peek().is_some() && filled.all(is_expected)
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

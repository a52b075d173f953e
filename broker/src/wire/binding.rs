//! Bound directories and the check of the expected payer.

use std::borrow::Borrow;

use keyreeve_core::binding::Binding;
use keyreeve_core::profile::Profile;
use keyreeve_resolver::resolve::{CheckedPayer, Confidence};
use serde::Serialize;

/// All bound directories.
#[derive(Debug, Serialize)]
pub struct BindingsView {
    /// Sorted by path.
    pub bindings: Vec<BindingView>,
    /// The bound directory that applies to the working directory.
    pub here: Option<String>,
}

/// A binding after a change, and what it was before.
#[derive(Debug, Serialize)]
pub struct ChangedBindingView {
    /// The binding now.
    #[serde(flatten)]
    pub binding: BindingView,
    /// The binding of the same directory before; null if it had none.
    pub previous: Option<BindingView>,
}

/// The binding of a directory and everything below it.
#[derive(Debug, Serialize)]
pub struct BindingView {
    /// The canonical path.
    pub directory: String,
    /// The profile that keyreeve uses there.
    pub profile: Option<String>,
    /// `true` if the bound profile was removed, so that no profile is used there.
    pub profile_removed: bool,
    /// The expected payer: `plan`, `metered`, `cloud`, `gateway` or a profile's name.
    pub expect: Option<String>,
}

/// Result of the check that the expected payer would pay.
#[derive(Debug, Serialize)]
pub struct ExpectedView {
    /// `plan`, `metered`, `cloud`, `gateway`, a profile's name, or `a profile that was removed`.
    pub expect: String,
    /// `true` if the expected payer would pay.
    pub met: bool,
    /// `true` if the payer is certain, `false` if it is only likely; null if the expectation is not met.
    pub certain: Option<bool>,
    /// The payer instead of the expected one, as a sentence; null if the expectation is met.
    pub problem: Option<String>,
}

impl BindingView {
    /// Creates the view of a binding, with the name of its profile from `profiles`.
    pub fn new(binding: &Binding, profiles: &[impl Borrow<Profile>]) -> Self {
        let mut profiles = profiles.iter().map(Borrow::borrow);
        let named = |id| profiles.find(|profile: &&Profile| profile.id == id);
        let profile = binding.profile.and_then(named);
        Self {
            directory: binding.directory.clone(),
            profile: profile.map(|profile| profile.name.to_string()),
            profile_removed: binding.profile.is_some() && profile.is_none(),
            expect: binding.expect.as_ref().map(ToString::to_string),
        }
    }
}

impl ExpectedView {
    /// Creates the view of an expectation and its check.
    pub fn new(checked: &CheckedPayer) -> Self {
        let CheckedPayer { expected, result } = checked;
        Self {
            expect: expected.to_string(),
            met: result.is_ok(),
            certain: result.as_ref().ok().map(|confidence| match confidence {
                Confidence::Certain => true,
                Confidence::Likely => false,
            }),
            problem: result.as_ref().err().map(ToString::to_string),
        }
    }
}

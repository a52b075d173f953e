//! Bound directories, and whether who is meant to pay would pay.

use keyreeve_core::binding::Binding;
use keyreeve_core::profile::Profile;
use keyreeve_core::resolve::{Expected, Sureness, Unexpected};
use serde::Serialize;

use super::ResolutionView;

/// Every bound directory.
#[derive(Debug, Serialize)]
pub struct BindingsView {
    /// In the order of their paths.
    pub bindings: Vec<BindingView>,
    /// The bound directory that holds in the working directory.
    pub here: Option<String>,
}

/// What a directory, and all below it, is bound to.
#[derive(Debug, Serialize)]
pub struct BindingView {
    /// Its real path.
    pub directory: String,
    /// The profile that keyreeve uses there.
    pub profile: Option<String>,
    /// Whether that profile was removed, so that nothing is used there.
    pub profile_is_gone: bool,
    /// Who is meant to pay there: `plan`, `metered`, `cloud`, `gateway` or a profile's name.
    pub expect: Option<String>,
}

/// Whether who is meant to pay would pay.
#[derive(Debug, Serialize)]
pub struct ExpectedView {
    /// `plan`, `metered`, `cloud`, `gateway` or a profile's name.
    pub expect: String,
    /// Whether it would.
    pub met: bool,
    /// Whether what is known leaves no doubt; null where it is not met.
    pub sure: Option<bool>,
    /// Who would pay instead, in a sentence; null where it is met.
    pub problem: Option<String>,
}

/// What `guard` says.
#[derive(Debug, Serialize)]
pub struct GuardView {
    /// Who was meant.
    pub expected: ExpectedView,
    /// What the client would do.
    #[serde(flatten)]
    pub resolution: ResolutionView,
}

impl BindingView {
    /// Shows a binding; its profile is looked for among these.
    pub fn of(binding: &Binding, profiles: &[Profile]) -> Self {
        let named = |id| profiles.iter().find(|profile| profile.id == id);
        let profile = binding.profile.and_then(named);
        Self {
            directory: binding.directory.clone(),
            profile: profile.map(|profile| profile.name.to_string()),
            profile_is_gone: binding.profile.is_some() && profile.is_none(),
            expect: binding.expect.as_ref().map(ToString::to_string),
        }
    }
}

impl ExpectedView {
    /// Shows what became of an expectation.
    pub fn of(expected: &Expected, judged: &Result<Sureness, Unexpected>) -> Self {
        Self {
            expect: expected.to_string(),
            met: judged.is_ok(),
            sure: judged.as_ref().ok().map(|sure| match sure {
                Sureness::Sure => true,
                Sureness::Likely => false,
            }),
            problem: judged.as_ref().err().map(ToString::to_string),
        }
    }
}

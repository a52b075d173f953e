//! What `onboard` set up.

use serde::Serialize;

use super::{CheckedView, ProfileView};

/// What was set up, whether it works, and what to do next.
#[derive(Debug, Serialize)]
pub struct OnboardView {
    /// The profile that pays from now on.
    pub profile: ProfileView,
    /// What was changed, in sentences.
    pub did: Vec<String>,
    /// How the profile fared when it was tried; null where it was not.
    pub check: Option<CheckedView>,
    /// Commands to go on with.
    pub next: Vec<String>,
}

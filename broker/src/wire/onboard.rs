//! The result of `onboard`.

use serde::Serialize;

use super::{ProfileCheckView, ProfileView};

/// A new profile, its test, and suggested next steps.
#[derive(Debug, Serialize)]
pub struct OnboardView {
    /// The profile that pays from now on.
    pub profile: ProfileView,
    /// Changes made, as sentences.
    pub changes: Vec<String>,
    /// Result of the profile's test request; null if none was made.
    pub check: Option<ProfileCheckView>,
    /// Commands to continue with.
    pub next_steps: Vec<String>,
}

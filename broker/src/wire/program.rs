//! Access of a program to a profile: environment variables without its secret (`env`), or a key (`credential`).

use jiff::Timestamp;
use keyreeve_resolver::launch::LaunchPlan;
use serde::Serialize;

/// Changes to an environment.
#[derive(Debug, Serialize)]
pub struct AssignmentsView {
    /// The resulting payer, as a sentence.
    pub headline: String,
    /// Variables to unset.
    pub remove: Vec<String>,
    /// Variables to set.
    pub set: Vec<AssignmentView>,
}

/// A variable to set.
#[derive(Debug, Serialize)]
pub struct AssignmentView {
    /// The variable's name.
    pub name: String,
    /// The variable's value; null if it is the secret.
    pub value: Option<String>,
}

impl AssignmentsView {
    /// Creates the view of a launch plan.
    pub fn new(plan: &LaunchPlan, headline: &str) -> Self {
        let set = plan.set.iter().map(|assignment| AssignmentView {
            name: assignment.name.to_owned(),
            value: assignment.value.clone(),
        });
        Self {
            headline: headline.to_owned(),
            remove: plan.remove.clone(),
            set: set.collect(),
        }
    }
}

/// An issued key without the token itself, which is added where it is printed.
#[derive(Debug, Serialize)]
pub struct CredentialView {
    /// `virtual-key`, accepted by the gateway only, or `credential`, the profile's raw key.
    pub kind: &'static str,
    /// The only base URL it may be sent to; `/v1/…` follows it.
    pub base_url: String,
    /// Expiry; null if unknown.
    pub expires_at: Option<String>,
    /// Expiry in seconds since 1970, as the SDKs expect it (docs/facts.md#clients).
    pub expires_at_unix: Option<i64>,
}

impl CredentialView {
    /// Creates the view of an issued key.
    pub fn new(kind: &'static str, base_url: &str, expires_at: Option<Timestamp>) -> Self {
        Self {
            kind,
            base_url: base_url.to_owned(),
            expires_at: expires_at.map(|at| at.to_string()),
            expires_at_unix: expires_at.map(Timestamp::as_second),
        }
    }
}

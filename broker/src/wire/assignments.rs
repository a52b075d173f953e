//! Environment variables that make programs use a profile, without its secret.

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

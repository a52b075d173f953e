//! The variables by which programs use a profile, without its secret.

use keyreeve_core::launch::Plan;
use serde::Serialize;

/// What changes in an environment.
#[derive(Debug, Serialize)]
pub struct AssignmentsView {
    /// Who pays then, in words.
    pub headline: String,
    /// Variables that are taken away.
    pub remove: Vec<String>,
    /// Variables that are set.
    pub set: Vec<AssignmentView>,
}

/// A variable that is set.
#[derive(Debug, Serialize)]
pub struct AssignmentView {
    /// Its name.
    pub name: String,
    /// Its value; null for the secret.
    pub value: Option<String>,
}

impl AssignmentsView {
    /// Describes a plan.
    pub fn of(plan: &Plan, headline: &str) -> Self {
        let set = plan.set.iter().map(|assignment| AssignmentView {
            name: assignment.name.to_owned(),
            value: assignment.text.clone(),
        });
        Self {
            headline: headline.to_owned(),
            remove: plan.remove.clone(),
            set: set.collect(),
        }
    }
}

//! Recommended authentication methods, as `advise` publishes them.

use keyreeve_resolver::advise::UseCase;
use serde::Serialize;

/// The recommended method for a use case, and methods to avoid.
#[derive(Debug, Serialize)]
pub struct AdviceView {
    /// `interactive`, `ci`, `bare`, `gateway`, `rotating` or `shared`.
    pub r#use: &'static str,
    /// The recommended method.
    pub method: &'static str,
    /// Reason for the recommendation.
    pub reason: &'static str,
    /// Commands to run.
    pub commands: &'static [&'static str],
    /// Methods to avoid.
    pub avoid: Vec<AvoidedView>,
}

/// A method to avoid.
#[derive(Debug, Serialize)]
pub struct AvoidedView {
    /// The method.
    pub method: &'static str,
    /// Reason to avoid it.
    pub reason: &'static str,
}

impl AdviceView {
    /// Creates the view of the advice for a use case.
    pub fn new(use_case: UseCase) -> Self {
        let advice = use_case.advice();
        let avoided = advice.avoid.iter().map(|avoided| AvoidedView {
            method: avoided.method,
            reason: avoided.reason,
        });
        Self {
            r#use: use_case.name(),
            method: advice.method,
            reason: advice.reason,
            commands: advice.commands,
            avoid: avoided.collect(),
        }
    }
}

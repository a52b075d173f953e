//! Which way to authenticate suits a use.

use keyreeve_core::advise::Use;
use serde::Serialize;

/// What suits a use, and what does not.
#[derive(Debug, Serialize)]
pub struct AdviceView {
    /// `interactive`, `ci`, `bare`, `gateway`, `rotating` or `shared`.
    pub r#use: &'static str,
    /// The way to authenticate.
    pub method: &'static str,
    /// Why this one.
    pub because: &'static str,
    /// What to run.
    pub commands: &'static [&'static str],
    /// What not to use.
    pub avoid: Vec<AvoidedView>,
}

/// A way that does not suit.
#[derive(Debug, Serialize)]
pub struct AvoidedView {
    /// The way.
    pub method: &'static str,
    /// Why it does not suit.
    pub because: &'static str,
}

impl AdviceView {
    /// Shows what suits a use.
    pub fn of(wanted: Use) -> Self {
        let advice = wanted.advice();
        let avoided = advice.avoid.iter().map(|avoided| AvoidedView {
            method: avoided.method,
            because: avoided.because,
        });
        Self {
            r#use: wanted.name(),
            method: advice.method,
            because: advice.because,
            commands: advice.commands,
            avoid: avoided.collect(),
        }
    }
}

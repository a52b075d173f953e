//! Values in files that expose nothing: references, variables that were not expanded, placeholders.

use keyreeve_core::token::{Grammar, ProblemKind, contains_token, read};

/// Returns `true` if a value in a file exposes nothing: it is empty, a placeholder, a reference, or too short.
pub(super) fn is_harmless(value: &str) -> bool {
    let text = value.trim();
    let is_template = text.starts_with('<') || text.contains("...") || text.contains('…');
    is_template || is_no_credential(text) || (text.chars().count() < 20 && !contains_token(text))
}

/// Recognizes a value that no API accepts, whatever its format.
fn is_no_credential(value: &str) -> bool {
    let problems = read(value, Grammar::Printable).problems;
    problems.iter().any(|problem| {
        matches!(
            problem.kind,
            ProblemKind::Reference | ProblemKind::UnexpandedVariable | ProblemKind::Placeholder
        )
    })
}

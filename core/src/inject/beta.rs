//! Edits the client's `anthropic-beta` list by one value, and leaves every other byte as it came.

/// The value that OAuth access tokens need and API keys do not (docs/facts.md#headers).
pub const OAUTH_BETA: &str = "oauth-2025-04-20";

/// What to do to the list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BetaEdit {
    /// Nothing.
    Keep,
    /// Append this value, unless it is there.
    Add(&'static str),
    /// Take this value out, wherever it is.
    Remove(&'static str),
}

/// What becomes of the header's lines.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BetaLines {
    /// They are sent as they came, repeated or not.
    Unchanged,
    /// One line with this value takes their place.
    Replaced(String),
    /// Nothing is left to send.
    Gone,
}

/// Edits the lines of `anthropic-beta`, in the order in which they came.
///
/// Names are compared whole and in their case. Where something changes, repeated lines are joined with `,`; all other
/// values keep their bytes, their order and their blanks.
pub fn edit_beta(lines: &[&str], edit: BetaEdit) -> BetaLines {
    let has = |name: &str| {
        lines
            .iter()
            .any(|line| line.split(',').any(|value| value.trim() == name))
    };
    match edit {
        BetaEdit::Add(name) if !has(name) => BetaLines::Replaced(with(lines, name)),
        BetaEdit::Remove(name) if has(name) => without(lines, name),
        BetaEdit::Keep | BetaEdit::Add(_) | BetaEdit::Remove(_) => BetaLines::Unchanged,
    }
}

fn with(lines: &[&str], name: &str) -> String {
    let kept = lines.iter().copied().filter(|line| !line.trim().is_empty());
    kept.chain([name]).collect::<Vec<_>>().join(",")
}

fn without(lines: &[&str], name: &str) -> BetaLines {
    let values = lines.iter().flat_map(|line| line.split(','));
    let left = values
        .filter(|value| value.trim() != name)
        .collect::<Vec<_>>()
        .join(",");
    // A blank that stood after the comma before the first value left is no part of any value.
    let left = left.trim();
    if left.trim_matches([',', ' ', '\t']).is_empty() {
        BetaLines::Gone
    } else {
        BetaLines::Replaced(left.to_owned())
    }
}

//! Adds or removes one value in the client's `anthropic-beta` list; every other byte is unchanged.

/// The beta value that OAuth access tokens need and API keys do not (docs/facts.md#headers).
pub const OAUTH_BETA: &str = "oauth-2025-04-20";

/// An edit of the beta list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BetaEdit {
    /// No change.
    Keep,
    /// Append this value unless it is present.
    Add(&'static str),
    /// Remove every occurrence of this value.
    Remove(&'static str),
}

/// The header lines after an edit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BetaLines {
    /// Forward them unchanged, repeated or not.
    Unchanged,
    /// Replace them with one line of this value.
    Replaced(String),
    /// Send no such header: the list is empty.
    Removed,
}

/// Edits the lines of `anthropic-beta`, given in the order received.
///
/// Values are compared whole and case-sensitively. If something changes, repeated lines are joined with `,`; all other
/// values keep their bytes, order and whitespace.
pub fn edit_beta(lines: &[&str], edit: BetaEdit) -> BetaLines {
    let has = |name: &str| {
        lines
            .iter()
            .any(|line| line.split(',').any(|value| value.trim() == name))
    };
    match edit {
        BetaEdit::Add(name) if !has(name) => BetaLines::Replaced(append(lines, name)),
        BetaEdit::Remove(name) if has(name) => remove(lines, name),
        BetaEdit::Keep | BetaEdit::Add(_) | BetaEdit::Remove(_) => BetaLines::Unchanged,
    }
}

fn append(lines: &[&str], name: &str) -> String {
    let present = lines.iter().copied().filter(|line| !line.trim().is_empty());
    present.chain([name]).collect::<Vec<_>>().join(",")
}

fn remove(lines: &[&str], name: &str) -> BetaLines {
    let values = lines.iter().flat_map(|line| line.split(','));
    let remaining = values
        .filter(|value| value.trim() != name)
        .collect::<Vec<_>>()
        .join(",");
    // Whitespace after the comma before the first remaining value belongs to no value.
    let remaining = remaining.trim();
    if remaining.trim_matches([',', ' ', '\t']).is_empty() {
        BetaLines::Removed
    } else {
        BetaLines::Replaced(remaining.to_owned())
    }
}

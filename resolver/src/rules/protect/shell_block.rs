//! Blocks between marker comments in a shell's startup file.
//!
//! Invariant: of a block that the user edited, only our own lines are removed.

use super::removal::{Removal, RemovalOutcome};

/// The purpose of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BlockKind {
    /// Loads the shell hook.
    Hook,
    /// Defines a function `claude` that goes through `exec`.
    ClaudeFunction,
    /// Puts the directory of the shim `claude` first on `PATH`.
    ClaudeShim,
}

/// A block of a shell's startup file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShellBlock {
    kind: BlockKind,
    body: String,
}

impl BlockKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Hook, Self::ClaudeFunction, Self::ClaudeShim];

    /// Returns its name in the markers and in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::ClaudeFunction => "claude function",
            Self::ClaudeShim => "claude shim",
        }
    }

    fn start(self) -> String {
        format!("# >>> keyreeve protect: {} >>>\n", self.name())
    }

    fn end(self) -> String {
        format!("# <<< keyreeve protect: {} <<<\n", self.name())
    }

    /// Returns the bytes of this kind's block in a text, markers included.
    fn find(self, text: &str) -> Option<std::ops::Range<usize>> {
        let start = text.find(&self.start())?;
        let length = text[start..].find(&self.end())?;
        Some(start..start + length + self.end().len())
    }

    /// Returns `true` if the text has a block of this kind.
    pub fn is_in(self, text: &str) -> bool {
        self.find(text).is_some()
    }
}

impl ShellBlock {
    /// Creates a block from its kind and its lines, each with a line end.
    pub(super) fn new(kind: BlockKind, body: String) -> Self {
        Self { kind, body }
    }

    /// Returns its kind.
    pub fn kind(&self) -> BlockKind {
        self.kind
    }

    /// Returns the block with its markers.
    pub fn text(&self) -> String {
        format!(
            "{}# Added by `keyreeve protect`; `keyreeve protect --undo` removes it.\n{}{}",
            self.kind.start(),
            self.body,
            self.kind.end()
        )
    }

    /// Returns the text to append to a file so that it has this block, or `None` if it has one of this kind already.
    pub fn appended_to(&self, text: &str) -> Option<String> {
        let separator = match text {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        (!self.kind.is_in(text)).then(|| format!("{separator}{}", self.text()))
    }
}

/// Removes an appended block from a text.
pub(super) fn remove(text: &str, inserted: &str) -> Removal {
    if let Some(at) = text.find(inserted) {
        let rest = &text[at + inserted.len()..];
        return Removal::new(format!("{}{rest}", &text[..at]), RemovalOutcome::Removed);
    }
    let mut kinds = BlockKind::ALL.into_iter();
    let kind = kinds.find(|kind| inserted.contains(&kind.start()));
    let Some(block) = kind.and_then(|kind| kind.find(text)) else {
        return Removal::new(text.to_owned(), RemovalOutcome::Missing);
    };
    let is_ours = |line: &&str| inserted.lines().any(|ours| ours == line.trim_end());
    let edited: String = text[block.clone()]
        .split_inclusive('\n')
        .filter(|line| !is_ours(line))
        .collect();
    let outcome = if edited.is_empty() {
        RemovalOutcome::Removed
    } else {
        RemovalOutcome::KeptEdits
    };
    let text = format!("{}{edited}{}", &text[..block.start], &text[block.end..]);
    Removal::new(text, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> ShellBlock {
        ShellBlock::new(BlockKind::Hook, "one\ntwo\n".to_owned())
    }

    #[test]
    fn block_is_appended_once_and_removed_exactly() {
        for text in ["", "a", "a\n", "a\n\n", "\n"] {
            let inserted = block().appended_to(text).expect("it is missing");
            let added = format!("{text}{inserted}");
            assert_eq!(block().appended_to(&added), None, "{text:?}");
            let removed = remove(&added, &inserted);
            assert_eq!(
                (removed.text.as_str(), removed.outcome),
                (text, RemovalOutcome::Removed)
            );
            let edited = format!("{added}later\n");
            assert_eq!(*remove(&edited, &inserted).text, format!("{text}later\n"));
        }
    }

    #[test]
    fn edits_inside_a_block_are_kept() {
        let inserted = block().appended_to("a\n").expect("it is missing");
        let edited = format!("a\n{}", inserted.replace("two\n", "mine\n"));
        let removed = remove(&edited, &inserted);
        let expected = ("a\n\nmine\n", RemovalOutcome::KeptEdits);
        assert_eq!((removed.text.as_str(), removed.outcome), expected);
        let gone = remove("a\n", &inserted);
        assert_eq!(
            (gone.text.as_str(), gone.outcome),
            ("a\n", RemovalOutcome::Missing)
        );
    }
}

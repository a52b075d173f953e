//! A text that `protect` inserted into a file of the user, and its removal.

use super::comment_mark::CommentMark;
use super::removal::{Removal, RemovalOutcome};
use super::{shell_block, status_line};

/// A text that was inserted into a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Insertion {
    /// A block of a shell's startup file, with the line ends before it.
    Block(String),
    /// The status line in Claude Code's settings, with its separators.
    StatusLine {
        /// The inserted text.
        text: String,
        /// The command of the status line.
        command: String,
    },
    /// A mark that comments out a line.
    Comment(CommentMark),
}

impl Insertion {
    /// Removes the insertion from a text. `is_commented_line` recognizes the line that was commented out.
    pub fn remove(&self, text: &str, is_commented_line: impl Fn(&str) -> bool) -> Removal {
        match self {
            Self::Block(inserted) => shell_block::remove(text, inserted),
            Self::StatusLine {
                text: inserted,
                command,
            } => status_line::remove(text, inserted, command),
            Self::Comment(mark) => uncomment(text, mark, is_commented_line),
        }
    }
}

fn uncomment(text: &str, mark: &CommentMark, is_commented_line: impl Fn(&str) -> bool) -> Removal {
    let mut restored = String::with_capacity(text.len());
    let mut outcome = RemovalOutcome::Missing;
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let statement = match outcome {
            RemovalOutcome::Missing if is_commented_line(content) => mark.remove(content),
            RemovalOutcome::Missing | RemovalOutcome::Removed | RemovalOutcome::KeptEdits => None,
        };
        match statement {
            Some(statement) => {
                restored.push_str(&statement);
                restored.push_str(&line[content.len()..]);
                outcome = RemovalOutcome::Removed;
            }
            None => restored.push_str(line),
        }
    }
    Removal::new(restored, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recognized_line_is_uncommented() {
        let mark = CommentMark::between("export A=b", "# export A=b").expect("a mark");
        let insertion = Insertion::Comment(mark);
        let text = "# export A=c\n# export A=b\r\n# export A=b";
        let removed = insertion.remove(text, |line| line == "# export A=b");
        assert_eq!(*removed.text, "# export A=c\n# export A=b\r\nexport A=b");
        let missing = insertion.remove(text, |_| false);
        assert_eq!(
            (missing.text.as_str(), missing.outcome),
            (text, RemovalOutcome::Missing)
        );
    }
}

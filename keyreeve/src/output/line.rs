//! The output of a command for people, as values: rendering is a pure function to [`Line`]s, and writing them is one call.
//!
//! Invariant: data goes to standard output and messages to standard error; under `--json` one document takes the place of
//! the data.

use std::io;

use serde::Serialize;

use super::{Format, Output, Table};

/// One piece of a command's output.
#[cfg_attr(test, derive(PartialEq, Eq, Debug))]
pub(crate) enum Line {
    /// Data: a line that stays one line.
    Data(String),
    /// Data: an empty line.
    Blank,
    /// Data: a bold line, wrapped between words on a narrow terminal.
    Headline(String),
    /// Data: a label and its value.
    Field(&'static str, String),
    /// Data: a line wrapped between words on a narrow terminal; continuation lines start with the indent.
    Wrapped {
        /// The line.
        text: String,
        /// The indent.
        indent: &'static str,
    },
    /// Data: a label and its description, on one line if they fit.
    Entry {
        /// The label.
        label: String,
        /// The description.
        description: String,
        /// The indent of the description on a line of its own.
        indent: &'static str,
    },
    /// Data: a table.
    Table(Table),
    /// Message: the command succeeded, and with what result.
    Success(String),
    /// Message: something the user should know.
    Note(String),
    /// Message: advice, such as the next step.
    Hint(String),
    /// Message: the command that repairs a problem.
    Fix(String),
}

impl Output {
    /// Writes a view: one JSON document under `--json`, else the lines that it is rendered to.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn show<V: Serialize>(
        &self,
        view: &V,
        render: impl FnOnce(&V) -> Vec<Line>,
    ) -> io::Result<()> {
        match self.format() {
            Format::Json => self.document(view),
            Format::Human => self.write(&render(view)),
        }
    }

    /// Writes the result of a change: the lines, and under `--json` the view as one document in place of the data.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn report(&self, view: &impl Serialize, lines: &[Line]) -> io::Result<()> {
        self.write(lines)?;
        match self.format() {
            Format::Json => self.document(view),
            Format::Human => Ok(()),
        }
    }

    /// Writes lines; under `--json` only the messages.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn write(&self, lines: &[Line]) -> io::Result<()> {
        for line in lines {
            match (line, self.format()) {
                (Line::Success(text), _) => self.success(text),
                (Line::Note(text), _) => self.note(text),
                (Line::Hint(text), _) => self.hint(text),
                (Line::Fix(command), _) => self.fix(command),
                (_, Format::Json) => {}
                (Line::Data(text), Format::Human) => self.line(text)?,
                (Line::Blank, Format::Human) => self.verbatim("\n")?,
                (Line::Headline(text), Format::Human) => self.headline(text)?,
                (Line::Field(label, value), Format::Human) => self.field(label, value)?,
                (Line::Wrapped { text, indent }, Format::Human) => self.wrapped(text, indent)?,
                (
                    Line::Entry {
                        label,
                        description,
                        indent,
                    },
                    Format::Human,
                ) => self.entry(label, description, indent)?,
                (Line::Table(table), Format::Human) => self.table(table)?,
            }
        }
        Ok(())
    }
}

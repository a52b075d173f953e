//! Columns for people, as wide as their widest cell.
//!
//! Invariant: every cell is made inert, so that nothing from outside can move the cursor or break a line.

use keyreeve_core::inert::{LONGEST_LINE, inert_line};

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A heading row and rows below it.
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| inert_line(&cell, LONGEST_LINE).into_owned())
                .collect(),
        );
    }

    /// The finished lines, without trailing spaces; the first is the heading.
    pub(crate) fn lines(&self) -> Vec<String> {
        let heading = self
            .columns
            .iter()
            .map(|(title, _)| (*title).to_owned())
            .collect();
        let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| all.iter().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        all.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, (_, align)), wanted) in row.iter().zip(&self.columns).zip(widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let room = " ".repeat(wanted - width(cell));
            match align {
                Align::Left => line.extend([cell, room.as_str()]),
                Align::Right => line.extend([room.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&[("name", Align::Left), ("tokens", Align::Right)]);
        table.row(["a-long-name".to_owned(), "7".to_owned()]);
        table.row(["b".to_owned(), "12345678".to_owned()]);
        assert_eq!(
            table.lines(),
            [
                "name           tokens",
                "a-long-name         7",
                "b            12345678"
            ]
        );
    }

    #[test]
    fn a_cell_cannot_break_out() {
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(["a\u{1b}[2Jb\nc\u{202e}".to_owned()]);
        let text = table.lines().join("\n");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}

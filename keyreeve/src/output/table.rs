//! Columns for people, as wide as their widest cell.
//!
//! Invariant: every cell is made inert, so that nothing from outside can move the cursor or break a line.

use std::borrow::Cow;

use keyreeve_core::inert::{LONGEST_LINE, inert_line};

/// What stands between two columns.
const GAP: &str = "  ";
/// No column of words is made narrower.
const NARROWEST: usize = 12;

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

    /// The finished lines, without trailing spaces; the first is the heading. Where they would not fit into so many columns,
    /// the widest cells of words lose their middle.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let heading = self
            .columns
            .iter()
            .map(|(title, _)| (*title).to_owned())
            .collect();
        let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| all.iter().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        if let Some(columns) = columns {
            self.narrow(&mut widths, columns);
        }
        all.iter().map(|row| self.line(row, &widths)).collect()
    }

    /// Takes from the widest columns of words until the table fits, or nothing more can be taken.
    fn narrow(&self, widths: &mut [usize], columns: usize) {
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > columns {
            let of_words = widths.iter_mut().zip(&self.columns);
            let widest = of_words
                .filter(|(_, (_, align))| *align == Align::Left)
                .map(|(width, _)| width)
                .max();
            match widest {
                Some(width) if *width > NARROWEST => *width -= 1,
                Some(_) | None => return,
            }
        }
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, ((cell, (_, align)), wanted)) in
            row.iter().zip(&self.columns).zip(widths).enumerate()
        {
            if at > 0 {
                line.push_str(GAP);
            }
            let cell = without_middle(cell, *wanted);
            let room = " ".repeat(wanted - width(&cell));
            match align {
                Align::Left => line.extend([&*cell, room.as_str()]),
                Align::Right => line.extend([room.as_str(), &*cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// A cell that fits: the end of a path says more than its middle.
fn without_middle(cell: &str, wanted: usize) -> Cow<'_, str> {
    let length = width(cell);
    if length <= wanted {
        return Cow::Borrowed(cell);
    }
    let kept = wanted.saturating_sub(1);
    let end = kept - kept / 3;
    let mut shown: String = cell.chars().take(kept / 3).collect();
    shown.push('…');
    shown.extend(cell.chars().skip(length - end));
    Cow::Owned(shown)
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
            table.lines(None),
            [
                "name           tokens",
                "a-long-name         7",
                "b            12345678"
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_takes_from_the_middle_of_the_widest() {
        let mut table = Table::new(&[("file", Align::Left), ("tokens", Align::Right)]);
        table.row([
            "~/a/path/that/is/long/settings.json".to_owned(),
            "7".to_owned(),
        ]);
        let lines = table.lines(Some(32));
        assert_eq!(lines[1], "~/a/pat…ng/settings.json       7");
        assert!(lines.iter().all(|line| width(line) <= 32), "{lines:?}");
        assert!(width(&table.lines(Some(1))[1]) >= NARROWEST);
    }

    #[test]
    fn a_cell_cannot_break_out() {
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(["a\u{1b}[2Jb\nc\u{202e}".to_owned()]);
        let text = table.lines(None).join("\n");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}

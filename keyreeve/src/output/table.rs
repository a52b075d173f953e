//! Text tables whose columns are as wide as their widest cell.
//!
//! Invariants: every cell is sanitized, so that foreign text can neither move the cursor nor break a line; nothing is
//! omitted or shortened unless the table is wider than the terminal.

use std::borrow::Cow;

use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Space between two columns.
const GAP: &str = "  ";
/// Minimum width of a shortened text column.
const MIN_TEXT_WIDTH: usize = 12;

/// Alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// A header and rows.
#[cfg_attr(test, derive(PartialEq, Eq, Debug))]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    /// Columns to omit on a narrow terminal, in this order.
    optional: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            optional: &[],
            rows: Vec::new(),
        }
    }

    /// Names the columns to omit, one after the other, while the table is wider than the terminal.
    #[must_use]
    pub(crate) fn omit_if_narrow(mut self, titles: &'static [&'static str]) -> Self {
        self.optional = titles;
        self
    }

    /// Adds a row with one cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| sanitize_line(&cell, MAX_LINE_CHARS).into_owned())
                .collect(),
        );
    }

    /// Returns the lines, header first, without trailing spaces. If they are wider than `columns`, optional columns are
    /// omitted, then the widest text cells lose their middle.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let header = self
            .columns
            .iter()
            .map(|(title, _)| (*title).to_owned())
            .collect();
        let all: Vec<&Vec<String>> = std::iter::once(&header).chain(&self.rows).collect();
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| all.iter().map(|row| row[column].width()).max().unwrap_or(0))
            .collect();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        if let Some(columns) = columns {
            self.omit(&mut shown, &widths, columns);
            self.narrow(&shown, &mut widths, columns);
        }
        all.iter()
            .map(|row| self.line(row, &shown, &widths))
            .collect()
    }

    /// Omits optional columns until the table fits or none is left.
    fn omit(&self, shown: &mut Vec<usize>, widths: &[usize], columns: usize) {
        for title in self.optional {
            if total_width(shown, widths) <= columns {
                return;
            }
            shown.retain(|column| self.columns[*column].0 != *title);
        }
    }

    /// Shrinks the widest text columns until the table fits or all have the minimum width.
    fn narrow(&self, shown: &[usize], widths: &mut [usize], columns: usize) {
        while total_width(shown, widths) > columns {
            let text = shown
                .iter()
                .filter(|column| self.columns[**column].1 == Align::Left);
            match text.max_by_key(|column| widths[**column]) {
                Some(widest) if widths[*widest] > MIN_TEXT_WIDTH => widths[*widest] -= 1,
                Some(_) | None => return,
            }
        }
    }

    fn line(&self, row: &[String], shown: &[usize], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, &column) in shown.iter().enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            let cell = shorten_middle(&row[column], widths[column]);
            let padding = " ".repeat(widths[column].saturating_sub(cell.width()));
            match self.columns[column].1 {
                Align::Left => line.extend([&*cell, padding.as_str()]),
                Align::Right => line.extend([padding.as_str(), &*cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Returns the width of a line with these columns.
fn total_width(shown: &[usize], widths: &[usize]) -> usize {
    let cells: usize = shown.iter().map(|column| widths[*column]).sum();
    cells + GAP.len() * shown.len().saturating_sub(1)
}

/// Replaces the middle of a cell that is too wide with `…`; the end of a path is more useful than its middle.
fn shorten_middle(cell: &str, target: usize) -> Cow<'_, str> {
    if cell.width() <= target {
        return Cow::Borrowed(cell);
    }
    let available = target.saturating_sub(1);
    let start: usize = fitting(cell.chars(), available / 3).sum();
    let end: usize = fitting(cell.chars().rev(), available - available / 3).sum();
    let (start, end) = (&cell[..start], &cell[cell.len() - end..]);
    Cow::Owned(format!("{start}…{end}"))
}

/// Returns the lengths in bytes of the first characters, as many as fit into `columns`.
fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> impl Iterator<Item = usize> {
    let mut width = 0;
    chars.map_while(move |c| {
        width += c.width().unwrap_or_default();
        (width <= columns).then_some(c.len_utf8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_widths_fit_the_widest_cell() {
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
    fn narrow_terminal_shortens_the_widest_text_cells() {
        let mut table = Table::new(&[("file", Align::Left), ("tokens", Align::Right)]);
        table.row([
            "~/a/path/that/is/long/settings.json".to_owned(),
            "7".to_owned(),
        ]);
        let lines = table.lines(Some(32));
        assert_eq!(lines[1], "~/a/pat…ng/settings.json       7");
        assert!(lines.iter().all(|line| line.width() <= 32), "{lines:?}");
        assert!(table.lines(Some(1))[1].width() >= MIN_TEXT_WIDTH);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(&["name", "kind"].map(|title| (title, Align::Left)));
        table.row(["鍵".repeat(5), "wide".to_owned()]);
        table.row(["e\u{301}".repeat(10), "accents".to_owned()]);
        let accents = format!("{}  accents", "e\u{301}".repeat(10));
        assert_eq!(
            table.lines(None),
            ["name        kind", "鍵鍵鍵鍵鍵  wide", &accents]
        );
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(["鍵".repeat(10)]);
        assert_eq!(table.lines(Some(14))[1], "鍵鍵…鍵鍵鍵鍵");
    }

    #[test]
    fn narrow_terminal_omits_optional_columns_first() {
        let columns = ["name", "kind", "seen"].map(|title| (title, Align::Left));
        let mut table = Table::new(&columns).omit_if_narrow(&["seen", "kind"]);
        table.row(["a-long-name", "kind", "today"].map(ToOwned::to_owned));
        assert_eq!(table.lines(Some(24))[1], "a-long-name  kind  today");
        assert_eq!(
            table.lines(Some(23)),
            ["name         kind", "a-long-name  kind"]
        );
        assert_eq!(table.lines(Some(11)), ["name", "a-long-name"]);
    }

    #[test]
    fn cells_are_sanitized() {
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(["a\u{1b}[2Jb\nc\u{202e}".to_owned()]);
        let text = table.lines(None).join("\n");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}

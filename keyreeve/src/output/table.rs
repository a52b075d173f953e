//! Text tables whose columns are as wide as their widest cell.
//!
//! Invariant: every cell is sanitized, so that foreign text can neither move the cursor nor break a line.

use std::borrow::Cow;

use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};

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
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
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

    /// Returns the lines, header first, without trailing spaces. If they are wider than `columns`, the widest text cells lose
    /// their middle.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let header = self
            .columns
            .iter()
            .map(|(title, _)| (*title).to_owned())
            .collect();
        let all: Vec<&Vec<String>> = std::iter::once(&header).chain(&self.rows).collect();
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| all.iter().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        if let Some(columns) = columns {
            self.narrow(&mut widths, columns);
        }
        all.iter().map(|row| self.line(row, &widths)).collect()
    }

    /// Shrinks the widest text columns until the table fits or all have the minimum width.
    fn narrow(&self, widths: &mut [usize], columns: usize) {
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > columns {
            let columns = widths.iter_mut().zip(&self.columns);
            let widest = columns
                .filter(|(_, (_, align))| *align == Align::Left)
                .map(|(width, _)| width)
                .max();
            match widest {
                Some(width) if *width > MIN_TEXT_WIDTH => *width -= 1,
                Some(_) | None => return,
            }
        }
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, ((cell, (_, align)), target)) in
            row.iter().zip(&self.columns).zip(widths).enumerate()
        {
            if index > 0 {
                line.push_str(GAP);
            }
            let cell = shorten_middle(cell, *target);
            let padding = " ".repeat(target - width(&cell));
            match align {
                Align::Left => line.extend([&*cell, padding.as_str()]),
                Align::Right => line.extend([padding.as_str(), &*cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Replaces the middle of a cell that is too wide with `…`; the end of a path is more useful than its middle.
fn shorten_middle(cell: &str, target: usize) -> Cow<'_, str> {
    let length = width(cell);
    if length <= target {
        return Cow::Borrowed(cell);
    }
    let available = target.saturating_sub(1);
    let end = available - available / 3;
    let mut shortened: String = cell.chars().take(available / 3).collect();
    shortened.push('…');
    shortened.extend(cell.chars().skip(length - end));
    Cow::Owned(shortened)
}

fn width(cell: &str) -> usize {
    cell.chars().count()
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
        assert!(lines.iter().all(|line| width(line) <= 32), "{lines:?}");
        assert!(width(&table.lines(Some(1))[1]) >= MIN_TEXT_WIDTH);
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

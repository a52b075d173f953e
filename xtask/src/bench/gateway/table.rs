//! Tables of results: one row for each proxy, with the median of its rounds, as Markdown.

use crate::output;

/// Rule by which the values of the rounds become one.
#[derive(Clone, Copy)]
pub(super) enum Fold {
    Median,
    Sum,
    Largest,
}

/// A column of measured values.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    digits: usize,
    fold: Fold,
    /// A further column has the value divided by the first proxy's.
    is_compared: bool,
}

impl Column {
    /// Returns a column with the median of the rounds.
    pub(super) const fn median(title: &'static str, digits: usize) -> Self {
        Self {
            title,
            digits,
            fold: Fold::Median,
            is_compared: false,
        }
    }

    /// Adds a column with the ratio to the first proxy.
    pub(super) const fn compared(self) -> Self {
        Self {
            is_compared: true,
            ..self
        }
    }

    /// Returns a column of counts, which are added up.
    pub(super) const fn sum(title: &'static str) -> Self {
        Self {
            title,
            digits: 0,
            fold: Fold::Sum,
            is_compared: false,
        }
    }

    /// Returns a column with the largest value of the rounds.
    pub(super) const fn largest(title: &'static str, digits: usize) -> Self {
        Self {
            title,
            digits,
            fold: Fold::Largest,
            is_compared: false,
        }
    }
}

/// Measured values of one round, one for each column.
pub(super) type Sample = Vec<f64>;

/// A proxy's values, folded over its rounds.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// The rows of one measurement.
pub(super) struct Table {
    columns: &'static [Column],
    pub(super) rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds the rounds of a proxy.
    pub(super) fn add(&mut self, name: &str, samples: &[Sample]) {
        let values = self.columns.iter().enumerate().map(|(index, column)| {
            let values = samples.iter().filter_map(|sample| sample.get(index));
            fold(column.fold, values.copied().collect())
        });
        self.rows.push(Row {
            name: name.to_owned(),
            values: values.collect(),
        });
    }

    /// Prints the table of proxies below a title.
    pub(super) fn print(&self, title: &str) {
        self.print_of("proxy", title);
    }

    /// Prints the table below a title; `subject` is the first column's.
    pub(super) fn print_of(&self, subject: &str, title: &str) {
        output::print_line(format_args!("\n{title}\n"));
        for line in self.lines(subject) {
            output::print_line(line);
        }
    }

    fn lines(&self, subject: &str) -> Vec<String> {
        let first = self.rows.first().map_or("", |row| &row.name);
        let (mut head, mut rule) = (vec![subject.to_owned()], "|---|".to_owned());
        for column in self.columns {
            head.push(column.title.to_owned());
            rule.push_str("---:|");
            if column.is_compared {
                head.push(format!("÷ {first}"));
                rule.push_str("---:|");
            }
        }
        let mut lines = vec![in_cells(&head), rule];
        lines.extend(self.rows.iter().map(|row| in_cells(&self.cells(row))));
        lines
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = vec![row.name.clone()];
        let first = self.rows.first().map_or(&[][..], |row| &row.values);
        for ((column, value), first) in self.columns.iter().zip(&row.values).zip(first) {
            cells.push(format!("{value:.*}", column.digits));
            if column.is_compared {
                cells.push(format!("{:.2}", value / first));
            }
        }
        cells
    }
}

fn in_cells(texts: &[String]) -> String {
    format!("| {} |", texts.join(" | "))
}

fn fold(fold: Fold, mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match fold {
        Fold::Median => values.get(values.len() / 2).copied().unwrap_or(f64::NAN),
        Fold::Sum => values.iter().sum(),
        Fold::Largest => values.last().copied().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Table};

    #[test]
    fn rows_show_medians_sums_and_ratios() {
        const COLUMNS: &[Column] = &[
            Column::median("CPU", 1).compared(),
            Column::sum("errors"),
            Column::largest("MiB", 0),
        ];
        let mut table = Table::new(COLUMNS);
        let samples = [[20.0, 1.0, 5.0], [30.0, 0.0, 9.0], [10.0, 2.0, 7.0]].map(Vec::from);
        table.add("nginx", &samples);
        table.add("other", &[vec![30.0, 0.0, 4.0]]);
        assert_eq!(
            table.lines("proxy"),
            [
                "| proxy | CPU | ÷ nginx | errors | MiB |",
                "|---|---:|---:|---:|---:|",
                "| nginx | 20.0 | 1.00 | 3 | 9 |",
                "| other | 30.0 | 1.50 | 0 | 4 |",
            ]
        );
    }
}

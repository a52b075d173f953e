//! Rounds in turn (A B C A B C …), so that noise meets each of the compared things.

use anyhow::Result;

use super::table::{Column, Sample, Table};

/// Measures items in turn and returns the table of their rounds. Round 0 warms up and is not counted.
pub(super) fn in_turn<T>(
    columns: &'static [Column],
    rounds: usize,
    items: &[(String, T)],
    mut measure: impl FnMut(&T, usize) -> Result<Sample>,
) -> Result<Table> {
    let mut samples = vec![Vec::with_capacity(rounds); items.len()];
    for round in 0..=rounds {
        for ((_, item), samples) in items.iter().zip(&mut samples) {
            let sample = measure(item, round)?;
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    let mut table = Table::new(columns);
    for ((name, _), samples) in items.iter().zip(&samples) {
        table.add(name, samples);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::super::table::Column;
    use super::in_turn;

    #[test]
    fn rounds_alternate_and_the_first_is_not_counted() {
        const COLUMNS: &[Column] = &[Column::sum("rounds")];
        let items = [("a".to_owned(), 1), ("b".to_owned(), 2)];
        let mut order = Vec::new();
        let table = in_turn(COLUMNS, 2, &items, |item, round| {
            order.push((*item, round));
            Ok(vec![1.0])
        });
        assert_eq!(order, [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (2, 2)]);
        let rows = table.unwrap().rows;
        assert!(rows.iter().all(|row| (row.values[0] - 2.0).abs() < 1e-9));
    }
}

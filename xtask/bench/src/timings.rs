//! Percentiles of measured times.

use std::time::Duration;

/// Times of one run.
#[derive(Default)]
pub(crate) struct Timings(Vec<Duration>);

impl Timings {
    /// Adds one time.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds those of another run.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the number of times.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the number of times above a limit.
    pub(crate) fn count_above(&self, limit: Duration) -> usize {
        self.0.iter().filter(|time| **time > limit).count()
    }

    /// Returns a percentile in microseconds; 0 if nothing was measured.
    pub(crate) fn percentile_micros(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let index = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timings;

    #[test]
    fn percentile_is_one_of_the_times() {
        let mut timings = Timings::default();
        assert!(timings.percentile_micros(50).abs() < 1e-9);
        for micros in (1..=200).rev() {
            timings.push(Duration::from_micros(micros));
        }
        assert!((timings.percentile_micros(50) - 100.0).abs() < 1e-6);
        assert!((timings.percentile_micros(99) - 198.0).abs() < 1e-6);
    }
}

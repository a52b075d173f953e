//! Intermediate money sums: exact; they saturate far above any possible bill.
//!
//! Invariant: a sum is a whole number of 10⁻⁹ nano-dollars, precise enough for three multipliers of three decimals
//! each; it saturates and never wraps.

use crate::money::NanoDollars;

/// One nano-dollar in the unit of a sum.
const NANO: u128 = 1_000_000_000;

/// A sum of money before rounding.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct ExactAmount(u128);

/// A multiplier in thousandths: 500 halves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Thousandths(pub(super) u64);

impl Thousandths {
    pub(super) const ONE: Self = Self(1000);
}

impl ExactAmount {
    pub(super) fn nanos(nanos: u64) -> Self {
        Self(u128::from(nanos) * NANO)
    }

    pub(super) fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count.into()))
    }

    /// Multiplies exactly, for at most three multipliers of whole nano-dollars.
    pub(super) fn scaled(self, by: Thousandths) -> Self {
        Self((self.0 / 1000).saturating_mul(by.0.into()))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    pub(super) fn round_up(self) -> NanoDollars {
        NanoDollars::new(u64::try_from(self.0.div_ceil(NANO)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_multipliers_are_exact_and_rounded_up_once() {
        let scaled = |nanos, by: &[u64]| {
            let sum = by.iter().fold(ExactAmount::nanos(nanos), |sum, by| {
                sum.scaled(Thousandths(*by))
            });
            sum.round_up().get()
        };
        for (nanos, by, expected) in [
            (0, [500, 1100, 2000].as_slice(), 0),
            (100, &[500, 1100, 2000], 110),
            (1, &[500], 1),
            (1, &[1, 1, 1], 1),
            (3, &[1100], 4),
            (10, &[1100], 11),
        ] {
            assert_eq!(scaled(nanos, by), expected, "{nanos} by {by:?}");
        }
    }

    #[test]
    fn sums_saturate() {
        let mut sum = ExactAmount::nanos(u64::MAX).times(u64::MAX);
        sum.add(sum);
        assert_eq!(sum.scaled(Thousandths(2000)).round_up().get(), u64::MAX);
    }
}

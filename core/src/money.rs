//! Money in whole nano-dollars: exact sums without floating point, rounded up once per request.

use std::fmt;
use std::ops::{Add, AddAssign};

/// An amount in nano-dollars (10⁻⁹ US dollars).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NanoDollars(u64);

impl NanoDollars {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Creates an amount from nano-dollars.
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the amount in nano-dollars.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add for NanoDollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoDollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for NanoDollars {
    /// Formats US dollars exactly, without a currency sign or trailing zeros: `0.00362`, `12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:09}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_formatted_exactly() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (3_620_000, "0.00362"),
            (12_000_000_000, "12"),
        ] {
            assert_eq!(NanoDollars::new(nanos).to_string(), text);
        }
    }
}

//! A small generator whose seed is told, so that a run that failed can be played again.
//!
//! Invariant: the same seed gives the same numbers, on every machine.

use std::io::Write as _;
use std::time::SystemTime;

/// Names the seed of a run that is to be played again.
pub const SEED: &str = "KEYREEVE_TEST_SEED";

/// Numbers that look as if nobody had chosen them.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts with the seed that [`SEED`] gives, else with one of its own, and tells it on standard error.
    pub fn seeded() -> Self {
        let given = std::env::var(SEED)
            .ok()
            .map(|seed| seed.parse().expect("a seed is a number"));
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::from(now.map_or(0, |now| now.subsec_nanos()))
        });
        std::io::stderr()
            .write_all(format!("{SEED}={seed}\n").as_bytes())
            .expect("standard error takes a line");
        Self(seed)
    }

    /// Another generator, for a thread of its own; the same for the same number.
    #[must_use]
    pub fn branch(&self, number: u64) -> Self {
        let mut branch = Self(self.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        branch.below(1);
        branch
    }

    /// The next number below a bound that is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

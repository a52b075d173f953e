//! A small random generator that prints its seed, so that a failed run can be repeated.
//!
//! Invariant: the same seed gives the same numbers on every machine.

use std::io::Write as _;
use std::time::SystemTime;

/// Environment variable with the seed of a run to repeat.
const SEED_VARIABLE: &str = "KEYREEVE_TEST_SEED";

/// A pseudorandom number generator.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// Uses the seed in `KEYREEVE_TEST_SEED`, or else one from the clock, and prints it to standard error.
    pub fn seeded() -> Self {
        let given = std::env::var(SEED_VARIABLE)
            .ok()
            .map(|seed| seed.parse().expect("a seed is a number"));
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::from(now.map_or(0, |now| now.subsec_nanos()))
        });
        std::io::stderr()
            .write_all(format!("{SEED_VARIABLE}={seed}\n").as_bytes())
            .expect("standard error is writable");
        Self(seed)
    }

    /// Returns another generator, for use in a thread; the same number gives the same generator.
    #[must_use]
    pub fn branch(&self, number: u64) -> Self {
        let mut branch = Self(self.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        branch.below(1);
        branch
    }

    /// Returns the next number below a nonzero bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

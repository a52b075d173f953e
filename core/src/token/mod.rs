//! Tokens: what a secret string is, by its shape alone, offline and without ever repeating it (docs/facts.md#tokens).
//!
//! Invariants: nothing here prints a part of a value beyond [`redact`]'s family prefix and last four; what is repaired
//! cannot change the token; for [`read`] no length is a reason to refuse beyond "too short to be a token", since none is
//! published.

mod family;
mod judge;
mod problem;
mod read;
mod repair;
mod scan;
mod screen;
mod setup;
mod shown;

pub use family::{Family, Generation};
pub use problem::{CharClass, Problem, ProblemKind};
pub use read::{Grammar, LONGEST, Reading, UsableFor, Verdict, read};
pub use repair::Fix;
pub use scan::{SHAPE, looks_like_a_key, scan};
pub use setup::{NoSetupToken, SETUP_TOKEN_LIFE, SetupRepair, SetupToken, read_setup_token};
pub use shown::redact;

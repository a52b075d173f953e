//! Gathers what resolution and `doctor` may look at, from files that other programs own.
//!
//! Invariants: nothing is written or sent, and nothing is started but a helper that a person asked for; of another
//! program's login no token is kept; what cannot be read is noted as such and never stops the rest.

mod evidence;
mod helper_run;
mod shells;
mod snapshot;

pub use evidence::{evidence, shell_scripts};
pub use helper_run::run_helpers;
pub use snapshot::{Machine, gather};

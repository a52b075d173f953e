//! When a credential may be used again: what answers leave behind, how long it lasts, and who may find out.
//!
//! Invariants: a server's own time is kept exactly, but for the jitter, and never lengthened; a guessed time ends in a
//! half-open probe, one request and not a herd; nothing rests longer than a day without one; a failure inside a window
//! never extends it; only what was asked after a rest began can end it or confirm it; what a person set no answer
//! changes. A clock that jumps never lengthens a rest. `docs/standing.md` has the table and the words.

mod circuit;
mod person;
mod readiness;
mod refusals;
mod schedule;
mod scope;
mod state;
mod step;

pub use circuit::{CIRCUIT_FAILURES, CIRCUIT_OPEN, CIRCUIT_WITHIN, Circuit, CircuitScope, Outcome};
pub use person::{Act, act};
pub use readiness::{
    Because, Closed, Early, LONGEST_UNPROBED, Readiness, claim, combine, give_back, next_probe,
    readiness, ready_at,
};
pub use refusals::{REFUSALS, Refusals};
pub use schedule::{MOST_JITTER, Schedule};
pub use scope::{NotPlain, Organization, RequestClass, Scope, Scopes};
pub use state::{Rest, Standing, TimeSource, Why};
pub use step::{Heard, Jitter, Kept, step};

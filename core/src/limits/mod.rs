//! Limits as answers tell them: what is left of a minute, how far a plan's windows are used up, and when that ends.
//!
//! Invariants: a limit is what was told at a moment, never a guess: what was not told is not there, and not empty; no
//! header makes reading fail, and one that cannot be read is as good as none; a figure whose window has ended since is
//! no figure any more. docs/facts.md#rate-limits has the headers.

mod account;
mod limit;
mod read;
mod subject;
mod word;

pub use account::{LONGEST_USAGE, of_usage};
pub use limit::{Amount, Limit, Minute, Share, State, Which, Window};
pub use read::{FARTHEST, Told, read, reset_at};
pub(crate) use read::{UNIFIED, moment};
pub use subject::{Seen, Subject, tightest};
pub use word::{OpenWord, Strange};

//! Claude Code's status line: what it pipes to the command of that line, and the one line that says who pays.
//!
//! Invariants: no input makes reading fail, and what was not told is not there: it is never shown as nothing used; the
//! line is one line whatever the input holds.

mod input;
mod line;
mod owner;
mod payer;

pub use input::Input;
pub use line::{Line, Part, Tone, line};
pub use owner::{news, owner};
pub use payer::{Warning, warnings};

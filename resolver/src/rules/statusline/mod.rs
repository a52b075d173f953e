//! Claude Code's status line: parses the input of its command, and renders the line that shows the payer.
//!
//! Invariants: no input causes an error; a value that was not reported is omitted and never shown as zero; the result
//! is a single line whatever the input contains.

mod input;
mod limit_owner;
mod payer;
mod render;

pub use input::SessionInput;
pub use limit_owner::{limit_owner, new_observations};
pub use payer::{PayerWarning, warnings};
pub use render::{LinePart, StatusLine, Tone, render_line};

//! The ledger's journal: a file of fixed slots per serving process, which each attempt is written to at once, before
//! the ledger's database is.
//!
//! Invariants: an intent that was acknowledged is in the file, whatever happens to the process; an entry leaves the
//! file only after [`Journal::folded`]. `docs/store-format.md` describes the file.

mod adopt;
mod enum_numbers;
mod frame;
mod header;
mod read;
mod record;
mod slots;
mod write;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use {
    adopt::try_adopt,
    read::{JournalContents, list, read},
    slots::OpenSlot,
    write::Journal,
};

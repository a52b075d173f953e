//! Tests of the journal, on real files.

mod concurrency;
mod damage;
pub(crate) mod example;
mod full_disk;
mod kill;
mod lifecycle;
mod records;

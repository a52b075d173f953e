//! Tests of the journal, on real files.

mod concurrency;
mod damage;
mod example;
mod kill;
mod lifecycle;
mod records;

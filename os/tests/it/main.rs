//! Tests of the operating-system layer on real files and real processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests set up, with plain calls, the files that keyreeve must refuse"
)]

mod child;
mod edit;
mod files;
mod lock;
mod process;

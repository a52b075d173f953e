//! The programs that `clients` and `conformance` run: the pinned clients and keyreeve itself.

mod client;
pub(crate) mod install;
mod keyreeve;
mod run;

pub(crate) use client::Program;
pub(crate) use keyreeve::{build, keyreeve};
pub(crate) use run::run_with_timeout;

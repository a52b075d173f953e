//! The programs that `clients`, `conformance` and `bench` run: the pinned clients and keyreeve itself.

pub(crate) mod client;
mod process;

pub(crate) use client::Program;
pub(crate) use process::{
    Server, build, ensure_success, keyreeve, release_keyreeve, run_with_input, run_with_timeout,
};

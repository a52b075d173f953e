//! The operating-system layer: the clock, the environment, randomness, safe files, file locks, process hardening and
//! child processes.
//!
//! It is a separate crate because it is the only one that may contain `unsafe`. It knows paths and bytes, not profiles.

pub mod deadline;
pub mod environment;
pub mod file_system;
pub mod files;
pub mod lock;
pub mod memory;
pub mod ports;
pub mod process;
pub mod programs;
pub mod supervise;
pub mod system;
pub mod terminal;
pub mod zone;

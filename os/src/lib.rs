//! Reads the clock, the environment, randomness and files of the operating system; locks files, hardens the process, runs programs.
//!
//! The dependency wall that makes this a crate: it is the only one that may contain `unsafe`. It knows paths and bytes, not profiles.

pub mod deadline;
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

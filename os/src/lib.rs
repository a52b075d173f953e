//! Asks the operating system: time, environment, randomness; opens and replaces files safely; locks; hardens.
//!
//! The wall that makes this a crate: it is the only one that may hold `unsafe`. It knows paths and bytes, not profiles.

pub mod deadline;
pub mod files;
pub mod lock;
pub mod look;
pub mod memory;
pub mod ports;
pub mod process;
pub mod programs;
pub mod supervise;
pub mod terminal;
pub mod world;
pub mod zone;

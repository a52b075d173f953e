//! The rules of core, as tables and properties.

mod token;
mod virtual_key;

//! The rules of core, as tables and properties.

mod virtual_key;

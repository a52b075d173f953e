//! The command line from outside: whole commands in a home of their own, with all they say written down.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a failed test, and tests write files as a person would"
)]

mod case;
mod errors;
mod help;
mod inspect;
mod keys;
mod profiles;
mod reports;
mod schema;
mod secrets;
mod serve;
mod store;

//! The sandbox from outside: real sockets, a client of a few lines, and nothing shared with the code under test.

mod client;
mod messages;
mod streams;

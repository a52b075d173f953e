//! Tokens: recognizes, validates and redacts secret strings by their shape alone, offline (docs/facts.md#tokens).
//!
//! Invariants: no part of a value is ever printed beyond [`redact`]'s family prefix and last four characters; a repair
//! cannot change the token; [`read`] rejects no token for its length except one that is too short to be a token, since
//! no length is published.

mod family;
mod problem;
mod read;
mod redact;
mod repair;
mod scan;
mod setup_token;
mod terminal_text;
mod validate;

pub use family::{Family, TokenGeneration};
pub use problem::{CharClass, MAX_TOKEN_CHARS, ProblemKind, TokenProblem};
pub use read::{Auth, TokenReport, TokenVerdict, UsableFor, read};
pub use redact::redact;
pub use repair::TokenRepair;
pub use scan::{TOKEN_PATTERN, contains_token, scan};
pub use setup_token::{
    SETUP_TOKEN_LIFETIME, SetupRepair, SetupToken, SetupTokenError, read_setup_token,
};
pub use validate::Grammar;

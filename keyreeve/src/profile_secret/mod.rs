//! Reading the secret of a profile from its user: a credential or a setup-token.

pub(crate) mod paste;
pub(crate) mod setup_token;

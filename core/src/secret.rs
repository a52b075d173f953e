//! A secret string: no `Debug`, no `Display`, no `Clone`, no `Serialize`, zeroed on drop.
//!
//! Invariant: the bytes are only accessible through [`Secret::expose_for`], which names their destination, and the
//! one-way [`Secret::fingerprint`]. `cargo xtask tidy` has the list of files that may call the first.
//!
//! It cannot be printed:
//! ```compile_fail,E0277
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! println!("{secret:?}");
//! ```
//! ```compile_fail,E0277
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! println!("{secret}");
//! ```
//! It cannot be cloned:
//! ```compile_fail,E0599
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! let copy = secret.clone();
//! ```
//! It cannot be serialized:
//! ```compile_fail,E0277
//! fn needs_serialize<T: serde::Serialize>(_: T) {}
//! needs_serialize(keyreeve_core::secret::Secret::new(String::from("x")));
//! ```

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::origin::Origin;

/// A secret string, overwritten on drop.
pub struct Secret(Zeroizing<String>);

/// The destination of an exposed secret, named in every call of [`Secret::expose_for`].
#[derive(Clone, Copy, Debug)]
pub enum Sink<'a> {
    /// A header of a request to this origin, inside its TLS session.
    Origin(&'a Origin),
    /// The login file of the official SDKs, rewritten on renewal.
    LoginFile,
    /// The environment of a program that the user starts, if the profile allows it.
    Program,
    /// The cipher that encrypts it for the store.
    Seal,
    /// A client of the user that requested it, or whose settings the user had us write.
    Client,
    /// The user who just created it (once), or who requested it on a terminal.
    Display,
}

impl Secret {
    /// Takes ownership of the string; the caller must not keep a copy.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Exposes the string for the named sink.
    pub fn expose_for(&self, _sink: Sink<'_>) -> &str {
        &self.0
    }

    /// Returns a short one-way fingerprint that identifies the secret without revealing it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// Returns `true` if both contain the same string. Constant time for a given length.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// The first 64 bits of a secret's BLAKE3 hash, as 16 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Computes the fingerprint of a string that is not (yet) wrapped in a [`Secret`].
    pub fn of(value: &str) -> Self {
        let hash = blake3::hash(value.as_bytes()).to_hex();
        Self(hash[..16].to_owned())
    }

    /// Returns the 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_identifies_a_secret() {
        let one = Secret::new("one".into());
        assert_eq!(one.fingerprint(), Fingerprint::of("one"));
        assert_ne!(one.fingerprint(), Fingerprint::of("two"));
        assert_eq!(one.fingerprint().as_str().len(), 16);
    }

    #[test]
    fn secrets_are_compared_in_full() {
        let one = Secret::new("one".into());
        assert!(one.same_as(&Secret::new("one".into())));
        assert!(!one.same_as(&Secret::new("onf".into())));
        assert!(!one.same_as(&Secret::new("on".into())));
    }
}

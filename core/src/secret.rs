//! A string that must not get out: no `Debug`, no `Display`, no `Clone`, no `Serialize`, zeroed when dropped.
//!
//! Invariant: the only ways to the bytes are [`Secret::expose_for`], which names where they are about to go, and the
//! one-way [`Secret::fingerprint`]. `cargo xtask tidy` keeps the list of files that may call the first.
//!
//! It cannot be printed,
//! ```compile_fail,E0277
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! println!("{secret:?}");
//! ```
//! ```compile_fail,E0277
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! println!("{secret}");
//! ```
//! nor cloned,
//! ```compile_fail,E0599
//! let secret = keyreeve_core::secret::Secret::new(String::from("x"));
//! let copy = secret.clone();
//! ```
//! nor serialised.
//! ```compile_fail,E0277
//! fn needs_serialize<T: serde::Serialize>(_: T) {}
//! needs_serialize(keyreeve_core::secret::Secret::new(String::from("x")));
//! ```

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::origin::Origin;

/// Holds a secret string until it is dropped, then overwrites it.
pub struct Secret(Zeroizing<String>);

/// Names the place a secret is about to go. Every call of [`Secret::expose_for`] says one.
#[derive(Clone, Copy, Debug)]
pub enum Sink<'a> {
    /// A header of a request to this origin, inside its TLS session.
    Origin(&'a Origin),
    /// The file of the official SDKs that the login it renews lives in.
    LoginFile,
    /// The environment of a program that the person starts, of a profile that allows it.
    Program,
    /// The cipher that seals it into the store.
    Seal,
    /// A client of the person's own that asked for it, or whose settings they had us write.
    Client,
    /// The person who just made it, once, or who asked for it on a terminal.
    Shown,
}

impl Secret {
    /// Takes the string over; the caller keeps no copy.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Hands out the string for the named sink.
    pub fn expose_for(&self, _sink: Sink<'_>) -> &str {
        &self.0
    }

    /// Gives a short one-way mark by which two sightings of the same secret can be recognised.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// Says whether both hold the same string, in time that depends on the lengths only.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// Counts the bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first 64 bits of a secret's BLAKE3 hash, as 16 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Takes the fingerprint of a string that is not (yet) held as a [`Secret`].
    pub fn of(value: &str) -> Self {
        let hash = blake3::hash(value.as_bytes()).to_hex();
        Self(hash[..16].to_owned())
    }

    /// The 16 digits.
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
    fn the_same_secret_has_the_same_fingerprint_and_another_has_another() {
        let one = Secret::new("one".into());
        assert_eq!(one.fingerprint(), Fingerprint::of("one"));
        assert_ne!(one.fingerprint(), Fingerprint::of("two"));
        assert_eq!(one.fingerprint().as_str().len(), 16);
    }

    #[test]
    fn secrets_are_compared_whole() {
        let one = Secret::new("one".into());
        assert!(one.same_as(&Secret::new("one".into())));
        assert!(!one.same_as(&Secret::new("onf".into())));
        assert!(!one.same_as(&Secret::new("on".into())));
    }
}

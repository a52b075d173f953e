//! Virtual keys: the keys that tools hold instead of credentials, and their permissions.
//!
//! A key is `krv_` + 8 base62 (its public id) + `_` + 32 base62 (190 random bits) + `_` + 6 base62 (CRC-32 of the 45
//! characters before that underscore). The checksum detects a mistyped key without a lookup, and lets secret scanners
//! verify a match. An admin key is the same with `kra_`.
//!
//! Invariants: a key never starts with `sk-ant-`, since some clients behave differently with that prefix
//! (docs/facts.md#clients); only its SHA-256 is stored; hashes are compared in constant time only.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use wildmatch::WildMatch;
use zeroize::Zeroizing;

use crate::cache_ttl::Ttl;
use crate::profile::{BillingClass, Name, ProfileId};
use crate::secret::Secret;

/// Number of random bytes that [`generate_key`] needs: 6 for the public id, 24 for the secret part.
pub const RANDOM_BYTES: usize = 30;

const PREFIX_CHARS: usize = 4;
const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
/// Length of the part that the checksum covers: prefix, id, underscore, secret part.
const CHECKSUMMED_CHARS: usize = PREFIX_CHARS + ID_CHARS + 1 + SECRET_CHARS;
const KEY_CHARS: usize = CHECKSUMMED_CHARS + 1 + CHECKSUM_CHARS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The kind of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyKind {
    /// `krv_`: for requests to the API, as one client.
    User,
    /// `kra_`: for keyreeve's administration, never for requests to the API.
    Admin,
}

/// The public part of a key, by which it is looked up: 8 base62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicId(pub [u8; ID_CHARS]);

/// The permanent id of a virtual key, unchanged by rotation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub Uuid);

impl KeyId {
    /// The id of keyreeve itself, for its owner's requests without a virtual key. No key ever has it.
    pub const OWN: Self = Self(Uuid::nil());
    /// The name of [`KeyId::OWN`] in lists; no key can have this name.
    pub const OWN_NAME: &str = "(keyreeve)";
}

/// SHA-256 of the whole key. `==` is [`KeyHash::matches`].
#[derive(Clone, Copy, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// The redacted form of a key for lists and logs: `krv_ab12CD34_…`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyHint {
    kind: KeyKind,
    public_id: PublicId,
}

/// A newly generated key: shown once, stored only as its hash.
pub struct NewKey {
    /// The key itself.
    pub key: Secret,
    /// Its public part.
    pub public_id: PublicId,
    /// The hash to store.
    pub hash: KeyHash,
}

/// A key that a client presented, once its format is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PresentedKey {
    /// The kind by its prefix.
    pub kind: KeyKind,
    /// The public part, by which it is looked up.
    pub public_id: PublicId,
    /// The hash to compare in constant time.
    pub hash: KeyHash,
}

/// A stored virtual key, with its profiles, models, limits and expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualKey {
    /// Its permanent id.
    pub id: KeyId,
    /// Its name.
    pub name: Name,
    /// The profiles it may use, in order of preference. A new key inherits none.
    pub profiles: Vec<ProfileId>,
    /// Its billing class: that of its first profile when it was created, even if that profile changes later; `None` if
    /// it had no profile.
    pub billing: Option<BillingClass>,
    /// The strategy for selecting a profile among those that are ready.
    pub strategy: Strategy,
    /// Further billing classes that its requests may be billed to; never a plan.
    pub allow_billing: Vec<BillingClass>,
    /// The allowed models; empty means any model.
    pub models: Vec<ModelPattern>,
    /// The lifetime set on the cache markers of its requests; it overrides the configuration.
    pub cache_ttl: Option<Ttl>,
    /// The time from which it is refused.
    pub expires_at: Option<Timestamp>,
    /// The time of its permanent revocation.
    pub revoked_at: Option<Timestamp>,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// `true` if it was created by `serve --sandbox`.
    pub simulated: bool,
}

/// A glob (`*`, `?`) of model ids, compiled once.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelPattern {
    text: String,
    glob: WildMatch,
}

/// The strategy for selecting a profile among those that are ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Strategy {
    /// The first in the key's order.
    #[default]
    Ordered,
    /// The least recently used.
    Spread,
}

/// A text that is not a well-formed virtual key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedKeyError {
    /// It starts with neither `krv_` nor `kra_`.
    #[error("keyreeve keys start with krv_")]
    Prefix,
    /// Its length is not 52 characters, or its underscores are misplaced.
    #[error(
        "keyreeve keys have 52 characters in four parts: this key is incomplete or has extra characters"
    )]
    Shape,
    /// It contains an invalid character.
    #[error("keyreeve keys contain only letters, digits and underscores")]
    Alphabet,
    /// The checksum does not match: a character was mistyped.
    #[error("the checksum does not match: a character of this key was changed")]
    Checksum,
}

/// The reason that a known key is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRefusedError {
    /// It was revoked permanently.
    #[error("this keyreeve key was revoked")]
    Revoked,
    /// It has expired.
    #[error("this keyreeve key has expired")]
    Expired,
}

/// Generates a key from random bytes: 47 of the first 48 bits become the public id, 190 of the other 192 the secret
/// part.
///
/// There is no modulo bias: 2^47 is below 62^8 and 2^190 below 62^32, so every number has its own string and each is
/// equally likely.
pub fn generate_key(kind: KeyKind, random: [u8; RANDOM_BYTES]) -> NewKey {
    let mut random = Zeroizing::new(random);
    let (id, body) = random.split_at_mut(RANDOM_BYTES - 24);
    id[0] &= 0x7f;
    body[0] &= 0x3f;
    let public_id = PublicId(base62(id));
    let secret: Zeroizing<[u8; SECRET_CHARS]> = Zeroizing::new(base62(body));

    let mut key = String::with_capacity(KEY_CHARS);
    key.push_str(kind.prefix());
    key.extend(public_id.0.map(char::from));
    key.push('_');
    key.extend(secret.iter().copied().map(char::from));
    let sum = checksum(key.as_bytes());
    key.push('_');
    key.extend(sum.map(char::from));

    let hash = KeyHash::from_key(&key);
    NewKey {
        key: Secret::new(key),
        public_id,
        hash,
    }
}

impl Strategy {
    /// Returns the name used in the CLI and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Spread => "spread",
        }
    }
}

impl KeyKind {
    /// Returns the four characters that keys of this kind start with.
    fn prefix(self) -> &'static str {
        match self {
            Self::User => "krv_",
            Self::Admin => "kra_",
        }
    }
}

impl PresentedKey {
    /// Parses a presented key, without trimming or repairing it.
    ///
    /// # Errors
    /// [`MalformedKeyError`] if it cannot be a key, so that no lookup is needed.
    pub fn parse(text: &str) -> Result<Self, MalformedKeyError> {
        let kind = [KeyKind::User, KeyKind::Admin]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(MalformedKeyError::Prefix)?;
        let bytes = text.as_bytes();
        if bytes.len() != KEY_CHARS
            || bytes[PREFIX_CHARS + ID_CHARS] != b'_'
            || bytes[CHECKSUMMED_CHARS] != b'_'
        {
            return Err(MalformedKeyError::Shape);
        }
        let (summed, sum) = (&bytes[..CHECKSUMMED_CHARS], &bytes[CHECKSUMMED_CHARS + 1..]);
        let (id, body) = (
            &bytes[PREFIX_CHARS..PREFIX_CHARS + ID_CHARS],
            &bytes[PREFIX_CHARS + ID_CHARS + 1..CHECKSUMMED_CHARS],
        );
        if ![id, body, sum]
            .into_iter()
            .flatten()
            .all(u8::is_ascii_alphanumeric)
        {
            return Err(MalformedKeyError::Alphabet);
        }
        if sum != checksum(summed) {
            return Err(MalformedKeyError::Checksum);
        }
        let public_id = PublicId(id.try_into().map_err(|_| MalformedKeyError::Shape)?);
        Ok(Self {
            kind,
            public_id,
            hash: KeyHash::from_key(text),
        })
    }

    /// Returns its redacted form for lists and logs.
    pub fn hint(&self) -> KeyHint {
        KeyHint {
            kind: self.kind,
            public_id: self.public_id,
        }
    }
}

impl KeyHash {
    /// Compared with the presented hash if no key has the presented id, so that an unknown id takes as long as a wrong
    /// secret. No key has this hash: a preimage of 32 zero bytes is infeasible to find.
    pub const DUMMY: Self = Self([0; 32]);

    /// Hashes a whole key.
    fn from_key(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Returns `true` if both hashes are equal, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for KeyHash {}

impl ModelPattern {
    /// Compiles a pattern.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            glob: WildMatch::new(&text),
            text,
        }
    }

    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Eq for ModelPattern {}

impl VirtualKey {
    /// Returns `true` if the key may use this model: one of its globs matches the whole id, or it has no globs.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.is_empty()
            || self
                .models
                .iter()
                .any(|pattern| pattern.glob.matches(model))
    }

    /// Returns `true` if the key's requests may be billed to this class.
    pub fn allows_billing(&self, class: BillingClass) -> bool {
        let is_allowed = self.billing == Some(class) || self.allow_billing.contains(&class);
        is_allowed && class != BillingClass::Plan
    }

    /// Returns the reason that the key is refused at this time, if it is. A revocation applies whatever its date.
    pub fn refusal(&self, now: Timestamp) -> Option<KeyRefusedError> {
        if self.revoked_at.is_some() {
            return Some(KeyRefusedError::Revoked);
        }
        self.expires_at
            .is_some_and(|end| end <= now)
            .then_some(KeyRefusedError::Expired)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(f, "{}", char::from(*byte).escape_default()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Display for KeyHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_…", self.kind.prefix(), self.public_id)
    }
}

/// Returns the CRC-32 (IEEE) of these bytes in six base62 digits; 62^6 is above 2^32, so each checksum has its own
/// digits.
fn checksum(summed: &[u8]) -> [u8; CHECKSUM_CHARS] {
    base62(&mut crc32fast::hash(summed).to_be_bytes())
}

/// Encodes a big-endian number in N base62 digits, dividing it in place; the number must fit.
fn base62<const N: usize>(number: &mut [u8]) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0;
        for byte in &mut *number {
            let value = remainder * 256 + u32::from(*byte);
            *byte = quotient(value);
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    debug_assert!(
        number.iter().all(|byte| *byte == 0),
        "the number fits its digits"
    );
    digits
}

/// Divides a digit of base 256 and its carry by 62.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the carry is below 62: 62 * 256 / 62 is 256"
)]
fn quotient(value: u32) -> u8 {
    (value / 62) as u8
}

//! Virtual keys: what a tool holds instead of a credential, and what it may do with it.
//!
//! A key is `krv_` + 8 base62 (its public id) + `_` + 32 base62 (190 random bits) + `_` + 6 base62 (CRC-32 of the 45
//! characters before that underscore). The checksum refuses a mistyped key before anything is looked up and lets
//! scanners be sure. An admin key is the same with `kra_`.
//!
//! Invariants: a key never starts with `sk-ant-`, since some clients change what they do on that prefix
//! (docs/facts.md#clients); only its SHA-256 is stored; hashes are compared in constant time and in no other way.

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

/// How many random bytes [`mint`] wants: 6 for the public id, 24 for the secret part.
pub const RANDOM_BYTES: usize = 30;

const PREFIX: usize = 4;
const ID: usize = 8;
const BODY: usize = 32;
const SUM: usize = 6;
/// Everything the checksum covers: prefix, id, underscore, secret part.
const SUMMED: usize = PREFIX + ID + 1 + BODY;
const WHOLE: usize = SUMMED + 1 + SUM;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key opens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `krv_`: requests to the API, as one client.
    User,
    /// `kra_`: keyreeve's own administration, never a request to the API.
    Admin,
}

/// The public part of a key, by which it is looked up: 8 base62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicId(pub [u8; ID]);

/// Names a virtual key for ever, through every rotation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub Uuid);

impl KeyId {
    /// Stands for keyreeve itself, where its owner asked through no virtual key. No key ever has it.
    pub const OWN: Self = Self(Uuid::nil());
    /// What lists call [`KeyId::OWN`]; no key can be called so.
    pub const OWN_NAME: &str = "(keyreeve)";
}

/// SHA-256 of the whole key. `==` is [`KeyHash::matches`].
#[derive(Clone, Copy, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// A key as a list may show it: `krv_ab12CD34_…`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hint {
    /// What the key opens.
    pub kind: Kind,
    /// Its public part.
    pub public_id: PublicId,
}

/// A freshly made key: shown once, remembered as its hash.
pub struct Minted {
    /// The key itself.
    pub key: Secret,
    /// Its public part.
    pub public_id: PublicId,
    /// What is stored.
    pub hash: KeyHash,
}

/// What was presented, once it has the shape of a virtual key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presented {
    /// What it claims to open.
    pub kind: Kind,
    /// Where to look it up.
    pub public_id: PublicId,
    /// What to compare, in constant time.
    pub hash: KeyHash,
}

/// A virtual key as remembered: who may use which profiles, for what, until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualKey {
    /// Names the key for ever.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// The profiles it may use, in order. A new key inherits none.
    pub profiles: Vec<ProfileId>,
    /// Whom it pays: the class of its first profile when it was made, whatever becomes of that profile; none where it had
    /// none.
    pub billing: Option<BillingClass>,
    /// How it chooses among those that are ready.
    pub strategy: Strategy,
    /// Whom its requests may be billed to beside that; never a plan.
    pub may_spend: Vec<BillingClass>,
    /// Globs (`*`, `?`) of the models it may ask for; empty: any.
    pub models: Vec<String>,
    /// The lifetime that the cache markers of its requests get, before any that the configuration names.
    pub cache_ttl: Option<Ttl>,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused for good.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it was made by `serve --sandbox`.
    pub simulated: bool,
}

/// How a key chooses among its profiles that are ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Strategy {
    /// The first in its order.
    #[default]
    Ordered,
    /// The one that was used longest ago.
    Spread,
}

/// Why something presented cannot be a virtual key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// It starts with neither `krv_` nor `kra_`.
    #[error("a keyreeve key starts with krv_")]
    Prefix,
    /// It has another length than the 52 characters of a key, or its underscores stand elsewhere.
    #[error("a keyreeve key has 52 characters in four parts: part of this one is missing or added")]
    Shape,
    /// A character stands in it that no key has.
    #[error("a keyreeve key has only letters, digits and underscores")]
    Alphabet,
    /// The checksum is another: a character was mistyped.
    #[error("the checksum of this key is wrong: a character was changed")]
    Checksum,
}

/// Why a known key is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It was revoked, for good.
    #[error("this keyreeve key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("this keyreeve key has expired")]
    Expired,
}

/// Makes a key of random bytes: 47 of the first 48 bits become the public id, 190 of the other 192 the secret part.
///
/// Nothing is reduced by a remainder: 2^47 is below 62^8 and 2^190 below 62^32, so that every number has its own string
/// and each is equally likely.
pub fn mint(kind: Kind, random: [u8; RANDOM_BYTES]) -> Minted {
    let mut random = Zeroizing::new(random);
    let (id, body) = random.split_at_mut(RANDOM_BYTES - 24);
    id[0] &= 0x7f;
    body[0] &= 0x3f;
    let public_id = PublicId(base62(id));
    let secret: Zeroizing<[u8; BODY]> = Zeroizing::new(base62(body));

    let mut key = String::with_capacity(WHOLE);
    key.push_str(kind.prefix());
    key.extend(public_id.0.map(char::from));
    key.push('_');
    key.extend(secret.iter().copied().map(char::from));
    let sum = checksum(key.as_bytes());
    key.push('_');
    key.extend(sum.map(char::from));

    let hash = KeyHash::of(&key);
    Minted {
        key: Secret::new(key),
        public_id,
        hash,
    }
}

impl Strategy {
    /// Its name, as people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Spread => "spread",
        }
    }
}

impl Kind {
    /// The four characters such a key starts with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "krv_",
            Self::Admin => "kra_",
        }
    }
}

impl Presented {
    /// Reads what a client presented. Nothing is trimmed or repaired here.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be a key; nothing needs to be looked up then.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let kind = [Kind::User, Kind::Admin]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(Malformed::Prefix)?;
        let bytes = text.as_bytes();
        if bytes.len() != WHOLE || bytes[PREFIX + ID] != b'_' || bytes[SUMMED] != b'_' {
            return Err(Malformed::Shape);
        }
        let (summed, sum) = (&bytes[..SUMMED], &bytes[SUMMED + 1..]);
        let (id, body) = (&bytes[PREFIX..PREFIX + ID], &bytes[PREFIX + ID + 1..SUMMED]);
        if ![id, body, sum]
            .into_iter()
            .flatten()
            .all(u8::is_ascii_alphanumeric)
        {
            return Err(Malformed::Alphabet);
        }
        if sum != checksum(summed) {
            return Err(Malformed::Checksum);
        }
        let public_id = PublicId(id.try_into().map_err(|_| Malformed::Shape)?);
        Ok(Self {
            kind,
            public_id,
            hash: KeyHash::of(text),
        })
    }

    /// Gives what a list or a log may show of it.
    pub fn hint(&self) -> Hint {
        Hint {
            kind: self.kind,
            public_id: self.public_id,
        }
    }
}

impl KeyHash {
    /// Compared with where no key has the presented id, so that an unknown id takes as long as a wrong secret. No key
    /// has this hash: nobody can find 32 zero bytes' preimage.
    pub const DUMMY: Self = Self([0; 32]);

    /// Takes the hash of a whole key.
    fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Says whether both are the same, in a time that does not tell where they differ.
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

impl VirtualKey {
    /// Says whether the key may ask for this model: one of its globs matches the whole id, or it has none.
    pub fn may_ask(&self, model: &str) -> bool {
        self.models.is_empty()
            || self
                .models
                .iter()
                .any(|glob| WildMatch::new(glob).matches(model))
    }

    /// Says whether the key's requests may be billed to this class.
    pub fn may_be_billed(&self, class: BillingClass) -> bool {
        let own = self.billing == Some(class) || self.may_spend.contains(&class);
        own && class != BillingClass::Plan
    }

    /// Says why the key is refused at this time, if it is. A revocation holds whatever its date.
    pub fn refusal(&self, now: Timestamp) -> Option<Refused> {
        if self.revoked_at.is_some() {
            return Some(Refused::Revoked);
        }
        self.expires_at
            .is_some_and(|end| end <= now)
            .then_some(Refused::Expired)
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

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_…", self.kind.prefix(), self.public_id)
    }
}

/// Six base62 digits of the CRC-32 (IEEE) of these bytes; 62^6 is above 2^32, so each sum has its own digits.
fn checksum(summed: &[u8]) -> [u8; SUM] {
    base62(&mut crc32fast::hash(summed).to_be_bytes())
}

/// Writes a big-endian number in N base62 digits, dividing it in place down to what does not fit: zero, here.
fn base62<const N: usize>(number: &mut [u8]) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for byte in &mut *number {
            let value = rest * 256 + u32::from(*byte);
            *byte = quotient(value);
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
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

//! The import plan: one entry for each item found, with its action.

use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{Auth, BillingClass, Name, Provenance, Source};
use keyreeve_core::secret::{Fingerprint, Secret};
use keyreeve_core::token::Family;

use super::ImportSkip;

/// An import plan. It has no `Debug`, since it may contain tokens.
pub struct ImportPlan {
    /// One entry for each item, in the order of discovery.
    pub entries: Vec<ImportEntry>,
    /// Notes about the whole import.
    pub notes: Vec<ImportNote>,
}

/// A note, with a command to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportNote {
    /// The text of the note.
    pub text: String,
    /// The command to run, if there is one.
    pub hint: Option<String>,
}

/// An item that was found.
pub struct ImportEntry {
    /// Its name in the other program.
    pub label: String,
    /// Its file, relative to the program's directory.
    pub path: String,
    /// Its action.
    pub action: ImportAction,
    /// Remarks about irregularities.
    pub remarks: Vec<String>,
}

/// The action for an item.
pub enum ImportAction {
    /// Create a profile.
    Create(Box<NewProfile>),
    /// Use a profile that already exists, or that an earlier entry creates.
    Reuse {
        /// The profile's name.
        name: Name,
    },
    /// Skip it.
    Skip(ImportSkip),
    /// Its name is taken by a profile with another secret.
    Conflict {
        /// The name.
        name: Name,
    },
}

/// A profile to create.
pub struct NewProfile {
    /// Its name.
    pub name: Name,
    /// The source of its secret.
    pub source: Source,
    /// The secret to encrypt at rest (seal), if the source requires it.
    pub secret: Option<Secret>,
    /// The only base URL its secret may be sent to.
    pub base_url: BaseUrl,
    /// The header that carries the secret.
    pub auth: Auth,
    /// The provenance of its token.
    pub provenance: Provenance,
    /// Its billing class.
    pub billing: BillingClass,
    /// The family of a token to seal.
    pub family: Option<Family>,
    /// The hint of a token to seal.
    pub hint: Option<String>,
}

/// An existing keyreeve profile.
pub struct ExistingProfile {
    /// Its name.
    pub name: Name,
    /// The only base URL its secret may be sent to.
    pub base_url: BaseUrl,
    /// The source of its secret.
    pub source: ExistingSource,
}

/// The source of an existing profile's secret.
pub enum ExistingSource {
    /// Sealed, with its fingerprint, or `None` if it cannot be unsealed.
    Sealed(Option<Fingerprint>),
    /// A reference to another place.
    Reference(Source),
}

impl NewProfile {
    /// Returns `true` if an existing profile has the same secret, or the same source, and the same base URL.
    pub(super) fn matches_existing(&self, existing: &ExistingProfile) -> bool {
        let same = match (&existing.source, &self.secret) {
            (ExistingSource::Sealed(Some(fingerprint)), Some(secret)) => {
                secret.fingerprint() == *fingerprint
            }
            (ExistingSource::Reference(source), None) => self.source == *source,
            (ExistingSource::Sealed(_), _) | (ExistingSource::Reference(_), Some(_)) => false,
        };
        same && self.base_url == existing.base_url
    }

    /// Returns `true` if both have the same secret, or the same source, and the same base URL.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let same = match (&self.secret, &other.secret) {
            (Some(one), Some(other)) => one.same_as(other),
            (None, None) => self.source == other.source,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.base_url == other.base_url
    }
}

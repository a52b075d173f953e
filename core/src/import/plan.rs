//! A plan: one entry for each thing found, and what becomes of it.

use crate::import::Left;
use crate::origin::BaseUrl;
use crate::profile::{Auth, BillingClass, Name, Provenance, Source};
use crate::secret::{Fingerprint, Secret};
use crate::token::Family;

/// What was found, and what becomes of it. It has no `Debug`: it may hold tokens.
pub struct Plan {
    /// One for each thing found, in the order in which it was found.
    pub entries: Vec<Entry>,
    /// What else is worth knowing, in sentences.
    pub notes: Vec<Note>,
}

/// Something worth knowing, and the command that follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The sentence.
    pub text: String,
    /// The command.
    pub hint: Option<String>,
}

/// One thing found.
pub struct Entry {
    /// What it is called there.
    pub what: String,
    /// The file it was found in, below the program's directory.
    pub path: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What is odd about it.
    pub remarks: Vec<String>,
}

/// What becomes of a thing found.
pub enum Outcome {
    /// It becomes a profile.
    Take(Box<Take>),
    /// It is a profile already, or becomes one by an earlier entry.
    Same {
        /// That profile.
        name: Name,
    },
    /// It stays where it is.
    Leave(Left),
    /// Its name belongs to a profile with another secret.
    Conflict {
        /// The name.
        name: Name,
    },
}

/// A profile to be.
pub struct Take {
    /// What it will be called.
    pub name: Name,
    /// Where its secret will come from.
    pub source: Source,
    /// The secret to be sealed, where the source says so.
    pub secret: Option<Secret>,
    /// The one place its secret may go.
    pub base_url: BaseUrl,
    /// How the secret is sent there.
    pub auth: Auth,
    /// How its token came to be.
    pub provenance: Provenance,
    /// Who is billed.
    pub billing: BillingClass,
    /// The family of a token to be sealed.
    pub family: Option<Family>,
    /// What of a token to be sealed may be shown.
    pub hint: Option<String>,
}

/// A profile that keyreeve has already.
pub struct Known {
    /// What it is called.
    pub name: Name,
    /// Where its secret may go.
    pub base_url: BaseUrl,
    /// Where its secret comes from.
    pub source: KnownSource,
}

/// Where a known profile's secret comes from.
pub enum KnownSource {
    /// Sealed, with this mark; none where it does not open.
    Sealed(Option<Fingerprint>),
    /// Anywhere else.
    Elsewhere(Source),
}

impl Take {
    /// Whether a known profile holds the same secret for the same place, or takes it from the same source.
    pub(super) fn is(&self, known: &Known) -> bool {
        let same = match (&known.source, &self.secret) {
            (KnownSource::Sealed(Some(mark)), Some(secret)) => secret.fingerprint() == *mark,
            (KnownSource::Elsewhere(source), None) => self.source == *source,
            (KnownSource::Sealed(_), _) | (KnownSource::Elsewhere(_), Some(_)) => false,
        };
        same && self.base_url == known.base_url
    }

    /// Whether both will hold the same secret for the same place, or take it from the same source.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = match (&self.secret, &other.secret) {
            (Some(one), Some(other)) => one.same_as(other),
            (None, None) => self.source == other.source,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.base_url == other.base_url
    }
}

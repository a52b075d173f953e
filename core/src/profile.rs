//! A profile: a named credential that keyreeve stores or knows how to obtain, bound to one base URL.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::origin::BaseUrl;
use crate::token::Family;

pub use crate::token::Auth;

/// A stored profile, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The permanent id, independent of the name.
    pub id: ProfileId,
    /// The name that people use.
    pub name: Name,
    /// The source of its secret.
    pub source: Source,
    /// The one base URL its secret may be sent to.
    pub base_url: BaseUrl,
    /// The header that carries the secret.
    pub auth: Auth,
    /// The provenance of its token.
    pub provenance: Provenance,
    /// The billing class of its requests.
    pub billing: BillingClass,
    /// The family of the stored token; `None` if the secret is fetched at lease time.
    pub family: Option<Family>,
    /// The stored token as [`crate::token::redact`] shows it; `None` if the secret is fetched at lease time.
    pub hint: Option<String>,
    /// The programs that may receive the raw secret, if any.
    pub secret_exposure: SecretExposure,
    /// `true` if it belongs to the sandbox: its requests cost nothing and are marked in every report.
    pub simulated: bool,
    /// The expiry of its secret, if known.
    pub expires_at: Option<Timestamp>,
    /// The time it was added.
    pub created_at: Timestamp,
    /// The time its secret was last replaced.
    pub rotated_at: Option<Timestamp>,
}

impl ProfileId {
    /// No profile: the client sent its own credential, of which nothing is stored.
    pub const PASS_THROUGH: Self = Self(Uuid::max());
    /// The name of [`ProfileId::PASS_THROUGH`] in lists; not a valid profile name.
    pub const PASS_THROUGH_NAME: &str = "(pass-through)";
}

impl Profile {
    /// Returns `true` if any of its properties shows that it is a person's own subscription: such a profile is never
    /// used behind a virtual key, whatever else was declared about it (docs/facts.md#terms).
    pub fn is_plan_login(&self) -> bool {
        let by_source = match self.source {
            Source::ClaudeLogin { .. } => true,
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. } => false,
        };
        by_source || self.billing == BillingClass::Plan || self.provenance == Provenance::SetupToken
    }
}

/// The permanent id of a profile: a UUID v7, written as the 32 digits of its simple form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProfileId(pub Uuid);

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// The name of a profile or a key: 1 to 64 characters from `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
///
/// No character in it can break a line protocol, a terminal or a web page (security promise P16).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut letters = text.bytes();
        let first = letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
        if first && rest && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An invalid name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a name must be 1 to 64 characters from a-z A-Z 0-9 . _ - and start with a letter or digit"
)]
pub struct NameError;

/// The source of a profile's secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Encrypted in the store.
    Sealed,
    /// An environment variable, read at lease time from the environment `keyreeve` was started with.
    Environment {
        /// The name of the variable.
        variable: String,
    },
    /// A file that contains nothing else, read at lease time; refused if other users could read it.
    File {
        /// The absolute path.
        path: String,
    },
    /// The single line printed by a program, run at lease time; never through a shell.
    Command {
        /// The program and its arguments, as given; never split by keyreeve.
        argv: Vec<String>,
    },
    /// A profile of the official SDKs, by federation or by login (docs/facts.md#sdk-profiles). Renewed on the same
    /// schedule as the SDKs.
    SdkProfile {
        /// The directory of `configs/` and `credentials/`; `None` for the directory the SDKs use at lease time.
        directory: Option<String>,
        /// The name of the SDK profile.
        name: Name,
    },
    /// The output of `ant auth print-credentials --access-token` at lease time.
    Ant {
        /// The `ant` profile; `None` for the active one.
        profile: Option<Name>,
    },
    /// Claude Code's own login, by reference: it is never read as a secret, renewed or leased. It can only be used to
    /// start the genuine `claude`.
    ClaudeLogin {
        /// Claude Code's configuration directory; `None` for the default one.
        config_dir: Option<String>,
    },
}

/// The programs that may receive the raw secret of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecretExposure {
    /// No program: the secret is only sent in leased requests to its origin.
    #[default]
    RequestsOnly,
    /// Also programs that the user starts with it, and the user's credential helpers (security promise P1).
    Programs,
}

/// The provenance of a token. It decides the allowed use of a token if the prefix does not (docs/facts.md#tokens).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// Created in the Console.
    Console,
    /// Pasted from `claude setup-token`: a plan login. Every pasted `oat01` token counts as this.
    SetupToken,
    /// Obtained by workload identity federation: an organization credential.
    Federation,
    /// Obtained by `ant auth login`, also through an SDK's profile: an organization credential.
    AntLogin,
    /// Issued by another gateway.
    Gateway,
    /// Unknown: fetched from a variable, a file or a command, which can contain anything, or known only after fetching.
    Unknown,
}

/// The party that is billed. Never crossed without consent; `Plan` is never used behind a virtual key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BillingClass {
    /// API credit of an organization.
    Metered,
    /// A cloud account.
    Cloud,
    /// Another gateway's operator.
    Gateway,
    /// A person's subscription.
    Plan,
}

impl BillingClass {
    /// Returns the name used in the CLI and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metered => "metered",
            Self::Cloud => "cloud",
            Self::Gateway => "gateway",
            Self::Plan => "plan",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_line_or_a_page() {
        for good in ["work", "a", "0", "work-2.x_y", &"x".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a b",
            "a\n",
            "a\0",
            "a=b",
            "ä",
            "<b>",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}

//! A profile: a named credential that keyreeve keeps or knows how to obtain, and where it may go.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::origin::BaseUrl;
use crate::token::Family;

/// A profile as remembered, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Names the profile for ever, whatever people call it.
    pub id: ProfileId,
    /// What people call it.
    pub name: Name,
    /// Where its secret comes from.
    pub source: Source,
    /// The one place its secret may go.
    pub base_url: BaseUrl,
    /// How the secret is sent there.
    pub auth: Auth,
    /// How its token came to be.
    pub provenance: Provenance,
    /// Who is billed for its requests.
    pub billing: BillingClass,
    /// The family of the sealed token; none where the secret is fetched at lease time.
    pub family: Option<Family>,
    /// The sealed token as [`crate::token::redact`] shows it; none where the secret is fetched at lease time.
    pub hint: Option<String>,
    /// Whom the raw secret may be handed to.
    pub handing: Handing,
    /// Whether it leads to the sandbox: its requests cost nothing and are marked in every report.
    pub simulated: bool,
    /// When its secret ends of itself, where that is known.
    pub expires_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its secret was last replaced.
    pub rotated_at: Option<Timestamp>,
}

impl ProfileId {
    /// No profile: the client carried a credential of its own, of which nothing is kept.
    pub const PASS_THROUGH: Self = Self(Uuid::max());
    /// What lists call [`ProfileId::PASS_THROUGH`]; no profile can be called so.
    pub const PASS_THROUGH_NAME: &str = "(pass-through)";
}

impl Profile {
    /// Whether it is a person's own subscription, by whichever of its properties says so: such a profile never stands
    /// behind a virtual key, whatever else was declared about it (docs/facts.md#terms).
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

/// Names a profile for ever: a UUID v7 in the 32 digits of its simple form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProfileId(pub Uuid);

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// What people call a profile or a key: 1 to 64 of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
///
/// Nothing in it can break a line protocol, a terminal or a page (security promise P16).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let mut letters = text.bytes();
        let first = letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
        if first && rest && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name with something else in it than names have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a name has 1 to 64 of the characters a-z A-Z 0-9 . _ - and starts with a letter or digit")]
pub struct BadName;

/// Where a profile's secret comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Sealed in the store.
    Sealed,
    /// An environment variable, read at lease time from what `keyreeve` was started with.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// A file that holds nothing else, read at lease time; refused when others could read it.
    File {
        /// Its whole path.
        path: String,
    },
    /// The one line a program prints, run at lease time; never through a shell.
    Command {
        /// The program and its arguments, as given; never split by us.
        argv: Vec<String>,
    },
    /// A profile of the official SDKs, by federation or by login (docs/facts.md#sdk-profiles). It is renewed as they renew it.
    SdkProfile {
        /// The directory of `configs/` and `credentials/`; none where the SDKs look at lease time.
        directory: Option<String>,
        /// What the SDKs call it.
        name: Name,
    },
    /// What `ant auth print-credentials --access-token` prints at lease time.
    Ant {
        /// The profile of `ant`'s; none for the one that is active.
        profile: Option<Name>,
    },
    /// Claude Code's own login, by reference: nothing of it is ever read as a secret, renewed or leased. It is good for
    /// starting the genuine `claude`, and for nothing else.
    ClaudeLogin {
        /// Claude Code's configuration directory; none for the usual one.
        config_dir: Option<String>,
    },
}

/// Whom the raw secret of a profile may be handed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Handing {
    /// To nobody: it leaves inside a request to its origin, behind a lease.
    #[default]
    Leased,
    /// Also to a program that the person starts with it, or that asks as their helper (security promise P1).
    Direct,
}

/// How a credential is sent to its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Auth {
    /// `x-api-key: …`
    ApiKey,
    /// `Authorization: Bearer …`
    Bearer,
}

/// How a token came to be. It decides what a token may be used for, where its prefix does not tell
/// (docs/facts.md#tokens).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// Made in the Console.
    Console,
    /// Pasted from `claude setup-token`: a plan login. Every pasted `oat01` counts as this.
    SetupToken,
    /// Obtained by workload identity federation: an organization credential.
    Federation,
    /// Obtained by `ant auth login`, also through an SDK's profile: an organization credential.
    AntLogin,
    /// Issued by another gateway.
    Gateway,
    /// Not known: fetched from a variable, a file or a command, which can hold anything, or only known once it is fetched.
    Unknown,
}

/// Who is billed. Never crossed without consent; `Plan` never stands behind a virtual key.
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
    /// Its name, as people and programs read it.
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
    fn names_hold_nothing_that_breaks_a_line_or_a_page() {
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

//! The families of tokens and the prefixes that name them.

use std::fmt;

/// The family a token's prefix names (docs/facts.md#tokens).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// `sk-ant-api03-…`: made in the Console.
    ApiKey,
    /// `sk-ant-admin01-…`: the Admin API's, which cannot ask a model.
    AdminKey,
    /// `sk-ant-oat01-…`: a plan login's, or an organization's by federation or `ant`; the prefix does not tell.
    OauthAccess,
    /// `sk-ant-ort01-…`: renews a login, and is never sent as a header.
    OauthRefresh,
    /// `sk-ant-sid01-…`: the cookie of a claude.ai web session.
    ClaudeSession,
    /// `sk-ant-req-…`: one work item of a self-hosted environment.
    WorkToken,
    /// Another `sk-ant-…`, perhaps newer than this release.
    UnknownAnthropic,
    /// `krv_…`: keyreeve's own, for a client.
    VirtualKey,
    /// `kra_…`: keyreeve's own, for its administration.
    AdminVirtualKey,
    /// A prefix that another vendor is known by.
    OtherVendor,
    /// Anything else.
    Opaque,
}

/// The two digits of a family's prefix: `03` of `sk-ant-api03-`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Generation(u8);

/// A token taken apart: what its prefix says, and what follows the prefix.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) family: Family,
    pub(super) generation: Option<Generation>,
    pub(super) prefix: &'a str,
    pub(super) body: &'a str,
}

/// What every token of the vendor starts with.
pub(super) const VENDOR: &str = "sk-ant-";

/// The families whose prefix ends in two digits and a hyphen, and the word between.
const WITH_GENERATION: [(&str, Family); 5] = [
    ("api", Family::ApiKey),
    ("admin", Family::AdminKey),
    ("oat", Family::OauthAccess),
    ("ort", Family::OauthRefresh),
    ("sid", Family::ClaudeSession),
];

/// Prefixes of other vendors that people paste by mistake, the longer before the shorter.
const OTHER_VENDORS: [&str; 17] = [
    "sk-",
    "sk_",
    "gsk_",
    "xai-",
    "AIza",
    "AKIA",
    "ASIA",
    "ABSK",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "hf_",
    "pplx-",
    "r8_",
    "xoxb-",
];

impl Family {
    /// Every family.
    pub const ALL: [Self; 11] = [
        Self::ApiKey,
        Self::AdminKey,
        Self::OauthAccess,
        Self::OauthRefresh,
        Self::ClaudeSession,
        Self::WorkToken,
        Self::UnknownAnthropic,
        Self::VirtualKey,
        Self::AdminVirtualKey,
        Self::OtherVendor,
        Self::Opaque,
    ];

    /// Names the family by the prefix alone; the rest may be anything. [`super::read`] judges the whole.
    pub fn of(token: &str) -> Self {
        Parts::of(token).family
    }

    /// Names it in one word for machines, such as `api_key`; the store and `--json` use it.
    pub fn code(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::AdminKey => "admin_key",
            Self::OauthAccess => "oauth_access",
            Self::OauthRefresh => "oauth_refresh",
            Self::ClaudeSession => "claude_session",
            Self::WorkToken => "work_token",
            Self::UnknownAnthropic => "unknown_anthropic",
            Self::VirtualKey => "virtual_key",
            Self::AdminVirtualKey => "admin_virtual_key",
            Self::OtherVendor => "other_vendor",
            Self::Opaque => "opaque",
        }
    }

    /// Reads what [`Family::code`] wrote.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.code() == code)
    }

    /// The generation that is made today, where the family has generations and a published one.
    pub(super) fn current_generation(self) -> Option<Generation> {
        match self {
            Self::ApiKey => Some(Generation(3)),
            Self::AdminKey | Self::OauthAccess | Self::OauthRefresh => Some(Generation(1)),
            Self::ClaudeSession
            | Self::WorkToken
            | Self::UnknownAnthropic
            | Self::VirtualKey
            | Self::AdminVirtualKey
            | Self::OtherVendor
            | Self::Opaque => None,
        }
    }
}

impl fmt::Display for Family {
    /// Names it for people, without an article.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey => "Anthropic API key",
            Self::AdminKey => "Anthropic Admin API key",
            Self::OauthAccess => "Anthropic OAuth access token",
            Self::OauthRefresh => "Anthropic OAuth refresh token",
            Self::ClaudeSession => "claude.ai session cookie",
            Self::WorkToken => "work-item token",
            Self::UnknownAnthropic => "Anthropic token of an unknown family",
            Self::VirtualKey => "keyreeve virtual key",
            Self::AdminVirtualKey => "keyreeve admin key",
            Self::OtherVendor => "token of another vendor",
            Self::Opaque => "token of no known family",
        })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl<'a> Parts<'a> {
    /// Takes a token apart. Where no prefix of ours or the vendor's stands, the prefix is empty and all is body.
    pub(super) fn of(token: &'a str) -> Self {
        for (prefix, family) in [
            ("krv_", Family::VirtualKey),
            ("kra_", Family::AdminVirtualKey),
            ("sk-ant-req-", Family::WorkToken),
        ] {
            if token.starts_with(prefix) {
                return Self::split(token, prefix.len(), family, None);
            }
        }
        let Some(rest) = token.strip_prefix(VENDOR) else {
            let family = if is_another_vendors(token) {
                Family::OtherVendor
            } else {
                Family::Opaque
            };
            return Self::split(token, 0, family, None);
        };
        for (word, family) in WITH_GENERATION {
            if let Some(generation) = rest.strip_prefix(word).and_then(generation) {
                return Self::split(
                    token,
                    VENDOR.len() + word.len() + "03-".len(),
                    family,
                    Some(generation),
                );
            }
        }
        Self::split(token, VENDOR.len(), Family::UnknownAnthropic, None)
    }

    fn split(token: &'a str, at: usize, family: Family, generation: Option<Generation>) -> Self {
        let (prefix, body) = token.split_at(at);
        Self {
            family,
            generation,
            prefix,
            body,
        }
    }
}

/// Reads two digits and a hyphen.
fn generation(rest: &str) -> Option<Generation> {
    let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'-', ..] = rest.as_bytes() else {
        return None;
    };
    Some(Generation((tens - b'0') * 10 + (ones - b'0')))
}

/// Whether the prefix, or the three parts of a JSON Web Token, say that it is another vendor's.
fn is_another_vendors(token: &str) -> bool {
    let web_token =
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2;
    web_token || OTHER_VENDORS.iter().any(|prefix| token.starts_with(prefix))
}

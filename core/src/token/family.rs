//! Token families and their prefixes.

use std::fmt;

/// The family of a token, by its prefix (docs/facts.md#tokens).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// `sk-ant-api03-…`: created in the Console.
    ApiKey,
    /// `sk-ant-admin01-…`: for the Admin API; it cannot call a model.
    AdminKey,
    /// `sk-ant-oat01-…`: of a plan login, or of an organization by federation or `ant`; the prefix is the same.
    OauthAccess,
    /// `sk-ant-ort01-…`: renews a login; it is never sent as a header.
    OauthRefresh,
    /// `sk-ant-sid01-…`: the cookie of a claude.ai web session.
    ClaudeSession,
    /// `sk-ant-req-…`: one work item of a self-hosted environment.
    WorkToken,
    /// Any other `sk-ant-…`, perhaps newer than this release.
    UnknownAnthropic,
    /// `krv_…`: a keyreeve virtual key, for a client.
    VirtualKey,
    /// `kra_…`: a keyreeve admin key.
    AdminVirtualKey,
    /// A known prefix of another vendor.
    OtherVendor,
    /// Anything else.
    Opaque,
}

/// The two digits of a family's prefix: `03` of `sk-ant-api03-`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenGeneration(u8);

/// A parsed token: its family, its generation, the prefix and the body that follows it.
#[derive(Clone, Copy)]
pub(super) struct TokenParts<'a> {
    pub(super) family: Family,
    pub(super) generation: Option<TokenGeneration>,
    pub(super) prefix: &'a str,
    pub(super) body: &'a str,
}

/// The start of every Anthropic token.
pub(super) const VENDOR: &str = "sk-ant-";

/// The families whose prefix ends in two digits and a hyphen, by the word before the digits.
const WITH_GENERATION: [(&str, Family); 5] = [
    ("api", Family::ApiKey),
    ("admin", Family::AdminKey),
    ("oat", Family::OauthAccess),
    ("ort", Family::OauthRefresh),
    ("sid", Family::ClaudeSession),
];

/// Prefixes of other vendors' tokens, which people paste by mistake.
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

    /// Determines the family by the prefix alone, whatever follows it. [`super::read`] validates the whole token.
    pub fn from_prefix(token: &str) -> Self {
        TokenParts::parse(token).family
    }

    /// Returns the machine-readable code, such as `api_key`, used in the store and in `--json`.
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

    /// Parses the result of [`Family::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.code() == code)
    }

    /// Returns the current generation of the family, if it has one that is published.
    pub(super) fn current_generation(self) -> Option<TokenGeneration> {
        match self {
            Self::ApiKey => Some(TokenGeneration(3)),
            Self::AdminKey | Self::OauthAccess | Self::OauthRefresh => Some(TokenGeneration(1)),
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
    /// Formats it for people, without an article.
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
            Self::Opaque => "token of an unknown format",
        })
    }
}

impl fmt::Display for TokenGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl<'a> TokenParts<'a> {
    /// Parses a token. Without a keyreeve or Anthropic prefix, the prefix is empty and everything is the body.
    pub(super) fn parse(token: &'a str) -> Self {
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
            let family = if is_other_vendor(token) {
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

    fn split(
        token: &'a str,
        at: usize,
        family: Family,
        generation: Option<TokenGeneration>,
    ) -> Self {
        let (prefix, body) = token.split_at(at);
        Self {
            family,
            generation,
            prefix,
            body,
        }
    }
}

/// Parses two digits and a hyphen.
fn generation(rest: &str) -> Option<TokenGeneration> {
    let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'-', ..] = rest.as_bytes() else {
        return None;
    };
    Some(TokenGeneration((tens - b'0') * 10 + (ones - b'0')))
}

/// Returns `true` if the token has another vendor's prefix, or is a JSON Web Token.
fn is_other_vendor(token: &str) -> bool {
    let is_jwt =
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2;
    is_jwt || OTHER_VENDORS.iter().any(|prefix| token.starts_with(prefix))
}

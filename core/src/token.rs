//! (stub)
use crate::secret::Secret;
/// The family a token's prefix names (docs/facts.md#tokens).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// `sk-ant-api…`
    ApiKey,
    /// `sk-ant-admin…`
    AdminKey,
    /// `sk-ant-oat…`
    OauthAccess,
    /// `sk-ant-ort…`
    OauthRefresh,
    /// `sk-ant-sid…`
    ClaudeSession,
    /// `sk-ant-req-`
    WorkToken,
    /// another `sk-ant-…`
    UnknownAnthropic,
    /// `krv_`
    VirtualKey,
    /// `kra_`
    AdminVirtualKey,
    /// another vendor's
    OtherVendor,
    /// anything else
    Opaque,
}
impl Family {
    /// By prefix only.
    pub fn of(_token: &str) -> Self { todo!() }
}
/// Shows at most family prefix and last four.
pub fn redact(_token: &str) -> String { todo!() }
/// Whether `text` holds something key-shaped.
pub fn looks_like_a_key(_text: &str) -> bool { todo!() }
/// Which grammar judges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar { /** first-party */ Anthropic, /** another gateway's */ Printable }
/// Reads what was pasted.
pub fn read(_pasted: &str, _grammar: Grammar) -> Reading { todo!() }
/// what was understood
pub struct Reading {
    /// family
    pub family: Family,
    /// The cleaned token, unless refused.
    pub token: Option<Secret>,
}

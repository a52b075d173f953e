//! The SQL words of our enums: the text that the database stores for each variant.
//!
//! Invariant: each word is written here once, for both directions; a new variant does not compile without its word.

use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::health::{BackoffSchedule, TimeSource};
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::{Auth, BillingClass, Provenance, SecretExposure};
use keyreeve_core::select::Reason;
use keyreeve_core::token::Family;
use keyreeve_core::verdict::DecidedBy;
use keyreeve_core::virtual_key::Strategy;

use crate::entries::{Ending, Operation};
use crate::master_key::MasterKeyHome;

/// An enum with one SQL word for each variant.
pub(crate) trait SqlEnum: Sized + Copy {
    /// Returns the variant's word.
    fn word(self) -> &'static str;
    /// Returns the variant with this word, or `None` if there is none.
    fn from_word(word: &str) -> Option<Self>;
}

macro_rules! sql_enums {
    ($enum:ty { $($variant:ident => $word:literal,)* }) => {
        impl SqlEnum for $enum {
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

impl SqlEnum for Ttl {
    fn word(self) -> &'static str {
        Self::as_str(self)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}

sql_enums!(Auth {
    ApiKey => "api-key",
    Bearer => "bearer",
});

sql_enums!(SecretExposure {
    RequestsOnly => "requests-only",
    Programs => "programs",
});

sql_enums!(Provenance {
    Console => "console",
    SetupToken => "setup-token",
    Federation => "federation",
    AntLogin => "ant-login",
    Gateway => "gateway",
    Unknown => "unknown",
});

sql_enums!(BillingClass {
    Metered => "metered",
    Cloud => "cloud",
    Gateway => "gateway",
    Plan => "plan",
});

sql_enums!(Strategy {
    Ordered => "ordered",
    Spread => "spread",
});

sql_enums!(Reason {
    First => "first",
    Spread => "spread",
    Sticky => "sticky",
    Moved => "moved",
    AfterRefusal => "after-refusal",
    AfterFailure => "after-failure",
    Renewed => "renewed",
    Waited => "waited",
    Named => "named",
});

sql_enums!(Family {
    ApiKey => "api-key",
    AdminKey => "admin-key",
    OauthAccess => "oauth-access",
    OauthRefresh => "oauth-refresh",
    ClaudeSession => "claude-session",
    WorkToken => "work-token",
    UnknownAnthropic => "unknown-anthropic",
    VirtualKey => "virtual-key",
    AdminVirtualKey => "admin-virtual-key",
    OtherVendor => "other-vendor",
    Opaque => "opaque",
});

sql_enums!(Operation {
    Messages => "messages",
    CountTokens => "count-tokens",
    Models => "models",
    Account => "account",
});

sql_enums!(Ending {
    Done => "done",
    Incomplete => "incomplete",
    Failed => "failed",
    Unknown => "unknown",
});

sql_enums!(CostBasis {
    Known => "known",
    AtMost => "at-most",
    Equivalent => "equivalent",
});

sql_enums!(MasterKeyHome {
    KeyFile => "key-file",
});

sql_enums!(BackoffSchedule {
    Limit => "limit",
    Billing => "billing",
    Authentication => "authentication",
    FetchedSecret => "fetched-secret",
    Manual => "manual",
});

sql_enums!(TimeSource {
    Server => "server",
    Schedule => "schedule",
    User => "user",
});

sql_enums!(DecidedBy {
    Code => "code",
    Wording => "wording",
    Header => "header",
    Status => "status",
    Shape => "shape",
    Stream => "stream",
    NoResponse => "no-response",
    ClientText => "client-text",
});

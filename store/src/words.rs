//! The words the database uses for our closed sets.
//!
//! Invariant: each word stands here once and serves both ways; a new variant does not compile without its word.

use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::price::Basis;
use keyreeve_core::profile::{Auth, BillingClass, Handing, Provenance};
use keyreeve_core::select::Reason;
use keyreeve_core::standing::{Schedule, TimeSource};
use keyreeve_core::token::Family;
use keyreeve_core::verdict::Evidence;
use keyreeve_core::virtual_key::Strategy;

use crate::open::MasterKeyHome;
use crate::rows::{Ending, Operation};

/// A closed set with a word for each of its members.
pub(crate) trait Word: Sized + Copy {
    /// The member's word.
    fn word(self) -> &'static str;
    /// The member with that word.
    fn of(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($set:ty { $($member:ident => $word:literal,)* }) => {
        impl Word for $set {
            fn word(self) -> &'static str {
                match self { $(Self::$member => $word,)* }
            }

            fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$member),)* _ => None }
            }
        }
    };
}

impl Word for Ttl {
    fn word(self) -> &'static str {
        Self::word(self)
    }

    fn of(word: &str) -> Option<Self> {
        Self::of(word)
    }
}

words!(Auth {
    ApiKey => "api-key",
    Bearer => "bearer",
});

words!(Handing {
    Leased => "leased",
    Direct => "direct",
});

words!(Provenance {
    Console => "console",
    SetupToken => "setup-token",
    Federation => "federation",
    AntLogin => "ant-login",
    Gateway => "gateway",
    Unknown => "unknown",
});

words!(BillingClass {
    Metered => "metered",
    Cloud => "cloud",
    Gateway => "gateway",
    Plan => "plan",
});

words!(Strategy {
    Ordered => "ordered",
    Spread => "spread",
});

words!(Reason {
    First => "first",
    Spread => "spread",
    Held => "held",
    Moved => "moved",
    AfterRefusal => "after-refusal",
    AfterFailure => "after-failure",
    Renewed => "renewed",
    Waited => "waited",
    Named => "named",
});

words!(Family {
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

words!(Operation {
    Messages => "messages",
    CountTokens => "count-tokens",
    Models => "models",
    Account => "account",
});

words!(Ending {
    Done => "done",
    Incomplete => "incomplete",
    Failed => "failed",
    Unknown => "unknown",
});

words!(Basis {
    Known => "known",
    AtMost => "at-most",
    Equivalent => "equivalent",
});

words!(MasterKeyHome {
    KeyFile => "key-file",
});

words!(Schedule {
    Limit => "limit",
    Billing => "billing",
    Authentication => "authentication",
    FetchedSecret => "fetched-secret",
    Person => "person",
});

words!(TimeSource {
    Server => "server",
    Schedule => "schedule",
    Person => "person",
});

words!(Evidence {
    Code => "code",
    Wording => "wording",
    Header => "header",
    Status => "status",
    Shape => "shape",
    Stream => "stream",
    Silence => "silence",
    ClientText => "client-text",
});

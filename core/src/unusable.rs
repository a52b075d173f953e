//! Whether a profile can serve at all, by what can be known without opening its secret and without asking anybody.
//!
//! Invariant: what an upstream said about a credential is not judged here, and nothing is fetched to find out.

use jiff::Timestamp;

use crate::profile::{Profile, Source};
use crate::snapshot::Environment;

/// Why a profile cannot be used, or not by everybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// Its secret ended of itself.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The variable that holds its secret is not set, or empty.
    NoVariable {
        /// The variable.
        variable: String,
    },
    /// The file that holds its secret is not there.
    NoFile {
        /// The file.
        path: String,
    },
    /// It is a person's own plan: it serves that person's Claude Code, and no virtual key (docs/facts.md#terms).
    PlanLogin,
}

/// Whom a profile cannot serve.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ForWhom {
    /// Nobody.
    Everybody,
    /// Tools with a virtual key.
    VirtualKeys,
}

impl Unusable {
    /// Judges a profile, the strongest reason first. `has_file` says whether a file is there.
    pub fn of(
        profile: &Profile,
        environment: &Environment,
        now: Timestamp,
        has_file: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        if let Some(at) = profile.expires_at.filter(|at| *at <= now) {
            return Some(Self::Expired { at });
        }
        match &profile.source {
            Source::Environment { variable } if is_blank(environment, variable) => {
                Some(Self::NoVariable {
                    variable: variable.clone(),
                })
            }
            Source::File { path } if !has_file(path) => Some(Self::NoFile { path: path.clone() }),
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. } => profile.is_plan_login().then_some(Self::PlanLogin),
        }
    }

    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::NoVariable { .. } => "no_variable",
            Self::NoFile { .. } => "no_file",
            Self::PlanLogin => "plan_login",
        }
    }

    /// The reason, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Expired { at } => format!("its secret ended on {}", at.strftime("%Y-%m-%d")),
            Self::NoVariable { variable } => format!("the variable {variable} is not set"),
            Self::NoFile { path } => format!("there is no file {path}"),
            Self::PlanLogin => "a plan serves Claude Code and no virtual key".to_owned(),
        }
    }

    /// Whom it cannot serve.
    pub fn for_whom(&self) -> ForWhom {
        match self {
            Self::Expired { .. } | Self::NoVariable { .. } | Self::NoFile { .. } => {
                ForWhom::Everybody
            }
            Self::PlanLogin => ForWhom::VirtualKeys,
        }
    }
}

fn is_blank(environment: &Environment, variable: &str) -> bool {
    environment
        .get(variable)
        .is_none_or(|value| value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{BaseUrl, PlainHttp};
    use crate::profile::{Auth, BillingClass, Handing, ProfileId, Provenance};

    fn of_source(source: Source) -> Profile {
        Profile {
            id: ProfileId(uuid::Uuid::nil()),
            name: "work".parse().unwrap(),
            source,
            base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::LoopbackOnly).unwrap(),
            auth: Auth::ApiKey,
            provenance: Provenance::Console,
            billing: BillingClass::Metered,
            family: None,
            hint: None,
            handing: Handing::Leased,
            simulated: false,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            rotated_at: None,
        }
    }

    #[test]
    fn a_profile_is_judged_without_its_secret() {
        let now = Timestamp::from_second(1_795_200_000).unwrap();
        let environment = Environment::from_pairs([("SET", "x"), ("BLANK", " ")]);
        let variable = |variable: &str| {
            of_source(Source::Environment {
                variable: variable.to_owned(),
            })
        };
        let file = |path: &str| {
            of_source(Source::File {
                path: path.to_owned(),
            })
        };
        let ends = |expires_at| Profile {
            expires_at: Some(expires_at),
            ..of_source(Source::Sealed)
        };
        let plan = of_source(Source::ClaudeLogin { config_dir: None });
        for (profile, name) in [
            (of_source(Source::Sealed), None),
            (variable("SET"), None),
            (variable("BLANK"), Some("no_variable")),
            (variable("NOT_SET"), Some("no_variable")),
            (file("/there"), None),
            (file("/gone"), Some("no_file")),
            (ends(now), Some("expired")),
            (ends(now + jiff::SignedDuration::from_secs(1)), None),
            (plan, Some("plan_login")),
        ] {
            let judged = Unusable::of(&profile, &environment, now, |path| path == "/there");
            assert_eq!(judged.as_ref().map(Unusable::name), name, "{profile:?}");
        }
    }
}

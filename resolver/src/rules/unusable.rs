//! Checks whether a profile is usable at all, without decrypting its secret and without any request.
//!
//! Invariant: upstream responses are not considered here, and nothing is fetched.

use jiff::Timestamp;
use keyreeve_core::profile::{Profile, Source};
use keyreeve_os::environment::Environment;

/// The reason a profile is unusable, for everyone or for virtual keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnusableReason {
    /// Its secret has expired.
    Expired {
        /// The expiry time.
        at: Timestamp,
    },
    /// The environment variable with its secret is unset or empty.
    VariableNotSet {
        /// The name of the variable.
        variable: String,
    },
    /// The file with its secret does not exist.
    FileMissing {
        /// The path of the file.
        path: String,
    },
    /// A person's own plan: usable in that person's Claude Code, but not behind a virtual key (docs/facts.md#terms).
    PlanLogin,
}

/// The users affected by an unusable profile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AffectedUsers {
    /// Everyone.
    Everyone,
    /// Clients with a virtual key.
    VirtualKeys,
}

impl UnusableReason {
    /// Checks a profile and returns the strongest reason. `has_file` returns whether a file exists.
    pub fn check(
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
                Some(Self::VariableNotSet {
                    variable: variable.clone(),
                })
            }
            Source::File { path } if !has_file(path) => {
                Some(Self::FileMissing { path: path.clone() })
            }
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. } => profile.is_plan_login().then_some(Self::PlanLogin),
        }
    }

    /// Returns the name used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::VariableNotSet { .. } => "no_variable",
            Self::FileMissing { .. } => "no_file",
            Self::PlanLogin => "plan_login",
        }
    }

    /// Returns the reason as text.
    pub fn description(&self) -> String {
        match self {
            Self::Expired { at } => format!("its secret expired on {}", at.strftime("%Y-%m-%d")),
            Self::VariableNotSet { variable } => {
                format!("environment variable {variable} is not set")
            }
            Self::FileMissing { path } => format!("file {path} does not exist"),
            Self::PlanLogin => {
                "a plan works in Claude Code only, not behind a virtual key".to_owned()
            }
        }
    }

    /// Returns the users it is unusable for.
    pub fn affected_users(&self) -> AffectedUsers {
        match self {
            Self::Expired { .. } | Self::VariableNotSet { .. } | Self::FileMissing { .. } => {
                AffectedUsers::Everyone
            }
            Self::PlanLogin => AffectedUsers::VirtualKeys,
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
    use keyreeve_core::origin::{BaseUrl, PlainHttp};
    use keyreeve_core::profile::{Auth, BillingClass, ProfileId, Provenance, SecretExposure};

    use super::*;

    fn profile_with_source(source: Source) -> Profile {
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
            secret_exposure: SecretExposure::RequestsOnly,
            simulated: false,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            rotated_at: None,
        }
    }

    #[test]
    fn profile_is_checked_without_its_secret() {
        let now = Timestamp::from_second(1_795_200_000).unwrap();
        let environment = Environment::from_pairs([("SET", "x"), ("BLANK", " ")]);
        let variable = |variable: &str| {
            profile_with_source(Source::Environment {
                variable: variable.to_owned(),
            })
        };
        let file = |path: &str| {
            profile_with_source(Source::File {
                path: path.to_owned(),
            })
        };
        let ends = |expires_at| Profile {
            expires_at: Some(expires_at),
            ..profile_with_source(Source::Sealed)
        };
        let plan = profile_with_source(Source::ClaudeLogin { config_dir: None });
        for (profile, name) in [
            (profile_with_source(Source::Sealed), None),
            (variable("SET"), None),
            (variable("BLANK"), Some("no_variable")),
            (variable("NOT_SET"), Some("no_variable")),
            (file("/there"), None),
            (file("/gone"), Some("no_file")),
            (ends(now), Some("expired")),
            (ends(now + jiff::SignedDuration::from_secs(1)), None),
            (plan, Some("plan_login")),
        ] {
            let reason =
                UnusableReason::check(&profile, &environment, now, |path| path == "/there");
            assert_eq!(
                reason.as_ref().map(UnusableReason::name),
                name,
                "{profile:?}"
            );
        }
    }
}

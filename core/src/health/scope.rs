//! Health scopes: a credential or an organization, each also per request class.
//!
//! Invariants: an organization is identified by its id *at one origin*, so that no other gateway can change its health;
//! a rate limit on a request that is not a message cools down only its own request class. No header names a key's
//! workspace, so a verdict on the workspace applies to the credential, which belongs to exactly one.

use std::fmt;
use std::str::FromStr;

use crate::origin::Origin;
use crate::profile::ProfileId;
use crate::verdict::{Verdict, VerdictEffect, VerdictScope};

/// A scope that has its own health.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HealthScope {
    /// A profile's credential.
    Credential(ProfileId),
    /// A profile's credential, for one class of requests.
    CredentialClass(ProfileId, RequestClass),
    /// Every credential of an organization.
    Organization(Organization),
    /// Every credential of an organization, for one class of requests.
    OrganizationClass(Organization, RequestClass),
}

/// An organization, identified by its id at one origin.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Organization {
    origin: String,
    id: String,
}

/// An invalid organization id or request class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be 1 to 128 characters from a-z A-Z 0-9 . _ -")]
pub struct IdentifierError;

impl Organization {
    /// Creates an organization from the id in responses of this origin.
    ///
    /// # Errors
    /// [`IdentifierError`] if the id is invalid.
    pub fn new(origin: &Origin, id: &str) -> Result<Self, IdentifierError> {
        check_identifier(id)?;
        Ok(Self {
            origin: origin.to_string(),
            id: id.to_owned(),
        })
    }

    /// Returns the id that responses carry.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Organization {
    /// Writes the origin, a space and the id, which [`FromStr`] parses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.origin, self.id)
    }
}

impl FromStr for Organization {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        let (origin, id) = text.split_once(' ').ok_or(IdentifierError)?;
        check_identifier(id)?;
        Ok(Self {
            origin: origin.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// Requests that share a limit: a model family in one major version, or a kind of request that is not a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RequestClass(String);

const FAMILIES: [&str; 3] = ["opus", "sonnet", "haiku"];

impl RequestClass {
    /// Returns the class of a model, `opus-5` for `claude-opus-5-5`, else the whole name; `None` if it is not a model
    /// name.
    pub fn from_model(model: &str) -> Option<Self> {
        let model = model.to_ascii_lowercase();
        let mut parts = model.split(['-', '.', '@', ':', '/']);
        let family = FAMILIES
            .iter()
            .find(|family| parts.clone().any(|part| part == **family));
        let is_version = |part: &&str| part.len() <= 2 && part.bytes().all(|c| c.is_ascii_digit());
        let version = parts.find(|part| !part.is_empty() && is_version(part));
        let class = match (family, version) {
            (Some(family), Some(version)) => format!("{family}-{version}"),
            (Some(family), None) => (*family).to_owned(),
            (None, _) => model,
        };
        class.parse().ok()
    }

    /// Returns the class of all requests that count tokens.
    pub fn count_tokens() -> Self {
        Self("count_tokens".to_owned())
    }

    /// Returns the class of all requests that list models.
    pub fn models() -> Self {
        Self("models".to_owned())
    }

    fn is_message(&self) -> bool {
        *self != Self::count_tokens() && *self != Self::models()
    }
}

impl fmt::Display for RequestClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestClass {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        check_identifier(text)?;
        Ok(Self(text.to_owned()))
    }
}

fn check_identifier(text: &str) -> Result<(), IdentifierError> {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(IdentifierError)
    }
}

/// The health scopes that apply to one request by one profile.
#[derive(Clone, Debug)]
pub struct HealthScopes {
    /// The profile.
    pub profile: ProfileId,
    /// Its organization, if a response named it.
    pub organization: Option<Organization>,
    /// The request class; `None` if the request names no model.
    pub class: Option<RequestClass>,
}

impl HealthScopes {
    /// Returns every scope, the widest last.
    pub fn all(&self) -> Vec<HealthScope> {
        let mut all = vec![HealthScope::Credential(self.profile)];
        all.extend(
            self.class
                .clone()
                .map(|class| HealthScope::CredentialClass(self.profile, class)),
        );
        if let Some(organization) = &self.organization {
            let class = self.class.clone();
            all.extend(
                class.map(|class| HealthScope::OrganizationClass(organization.clone(), class)),
            );
            all.push(HealthScope::Organization(organization.clone()));
        }
        all
    }

    /// Returns the scope that a verdict applies to, or `None` if the verdict does not concern a credential.
    pub fn affected_by(&self, verdict: Verdict) -> Option<HealthScope> {
        let credential = HealthScope::Credential(self.profile);
        let class_scope = self.class.clone().map_or_else(
            || credential.clone(),
            |class| HealthScope::CredentialClass(self.profile, class),
        );
        if is_limit(verdict) && !self.is_message_request() {
            return Some(class_scope);
        }
        match verdict.scope() {
            VerdictScope::Credential | VerdictScope::Workspace => Some(credential),
            VerdictScope::CredentialModel
            | VerdictScope::AccountRegionModel
            | VerdictScope::ProjectRegionModel => Some(class_scope),
            VerdictScope::Organization => Some(
                self.organization
                    .clone()
                    .map_or(credential, HealthScope::Organization),
            ),
            VerdictScope::OrganizationModelClass => match (&self.organization, &self.class) {
                (Some(organization), Some(class)) => Some(HealthScope::OrganizationClass(
                    organization.clone(),
                    class.clone(),
                )),
                (None, _) | (_, None) => Some(class_scope),
            },
            VerdictScope::None
            | VerdictScope::Request
            | VerdictScope::Upstream
            | VerdictScope::UpstreamModel
            | VerdictScope::Network
            | VerdictScope::Gateway => None,
        }
    }

    fn is_message_request(&self) -> bool {
        self.class.as_ref().is_none_or(RequestClass::is_message)
    }
}

fn is_limit(verdict: Verdict) -> bool {
    matches!(
        verdict.effect(),
        VerdictEffect::CoolUntil | VerdictEffect::CoolModelUntil
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_one_family_and_major_version_share_a_class() {
        for (model, class) in [
            ("claude-opus-5-5", Some("opus-5")),
            ("claude-opus-5-1-20260805", Some("opus-5")),
            ("claude-opus-4-1", Some("opus-4")),
            ("claude-3-5-haiku-20241022", Some("haiku-3")),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Some("sonnet-4"),
            ),
            ("Claude-Haiku-5-5", Some("haiku-5")),
            ("claude-sonnet-latest", Some("sonnet")),
            ("gpt-6", Some("gpt-6")),
            ("", None),
            ("a b", None),
        ] {
            let found = RequestClass::from_model(model).map(|class| class.to_string());
            assert_eq!(found.as_deref(), class, "{model}");
        }
    }

    #[test]
    fn organization_parses_back_and_rejects_invalid_ids() {
        let origin = crate::origin::BaseUrl::parse(
            "https://api.anthropic.com",
            crate::origin::PlainHttp::Forbidden,
        )
        .unwrap();
        let organization = Organization::new(origin.origin(), "0a1b-2c").unwrap();
        assert_eq!(organization.to_string().parse(), Ok(organization));
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert_eq!(
                Organization::new(origin.origin(), bad),
                Err(IdentifierError)
            );
        }
    }
}

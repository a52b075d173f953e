//! Health scopes: a credential or an organization, each also per request class.
//!
//! Invariants: an organization is identified by its id *at one origin*, so that no other gateway can change its health;
//! a rate limit on a request that is not a message cools down only its own request class. No header names a key's
//! workspace, so a verdict on the workspace applies to the credential, which belongs to exactly one.

use std::fmt;
use std::str::FromStr;

use crate::origin::Origin;
use crate::profile::ProfileId;
use crate::request_class::{IdentifierError, RequestClass, check_identifier};
use crate::verdict::{Verdict, VerdictScope};

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
        if verdict.effect().is_limit() && !self.is_message_request() {
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

#[cfg(test)]
mod tests {
    use super::*;

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

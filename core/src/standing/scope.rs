//! Whose standing it is.
//!
//! Invariants: an organization is known by its id *at one origin*, so that no other gateway can speak about it; a limit
//! of what was not a message rests only its own kind of request. No header names a key's workspace, so what strikes the
//! workspace rests the credential, which belongs to one.

use std::fmt;
use std::str::FromStr;

use crate::origin::Origin;
use crate::profile::ProfileId;
use crate::verdict::{Effect, Scope as Struck, Verdict};

/// Whose standing it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// A profile's credential.
    Credential(ProfileId),
    /// A profile's credential, for one class of requests.
    CredentialClass(ProfileId, RequestClass),
    /// Every credential of an organization.
    Organization(Organization),
    /// Every credential of an organization, for one class of requests.
    OrganizationClass(Organization, RequestClass),
}

/// An organization, as one origin names it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Organization {
    origin: String,
    id: String,
}

/// An organization's id or a class with something else in it than they have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not 1 to 128 of the characters a-z A-Z 0-9 . _ -")]
pub struct NotPlain;

impl Organization {
    /// Names an organization by the id that answers from this origin carry.
    ///
    /// # Errors
    /// [`NotPlain`] for an id that no organization has.
    pub fn new(origin: &Origin, id: &str) -> Result<Self, NotPlain> {
        plain(id)?;
        Ok(Self {
            origin: origin.to_string(),
            id: id.to_owned(),
        })
    }

    /// The id that answers carry.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Organization {
    /// Origin, a space, id: what [`FromStr`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.origin, self.id)
    }
}

impl FromStr for Organization {
    type Err = NotPlain;

    fn from_str(text: &str) -> Result<Self, NotPlain> {
        let (origin, id) = text.split_once(' ').ok_or(NotPlain)?;
        plain(id)?;
        Ok(Self {
            origin: origin.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// Requests that have a limit in common: a family of models in one major version, or a kind that is no message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RequestClass(String);

const FAMILIES: [&str; 3] = ["opus", "sonnet", "haiku"];

impl RequestClass {
    /// The class of a model: `opus-5` for `claude-opus-5-5`, else the whole name. None where the name is no model's.
    pub fn of_model(model: &str) -> Option<Self> {
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

    /// The class of all requests that count tokens.
    pub fn count_tokens() -> Self {
        Self("count_tokens".to_owned())
    }

    /// The class of all requests that list models.
    pub fn models() -> Self {
        Self("models".to_owned())
    }

    fn is_a_message(&self) -> bool {
        *self != Self::count_tokens() && *self != Self::models()
    }
}

impl fmt::Display for RequestClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestClass {
    type Err = NotPlain;

    fn from_str(text: &str) -> Result<Self, NotPlain> {
        plain(text)?;
        Ok(Self(text.to_owned()))
    }
}

fn plain(text: &str) -> Result<(), NotPlain> {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(NotPlain)
    }
}

/// Everything one request by one profile stands under.
#[derive(Clone, Debug)]
pub struct Scopes {
    /// The profile.
    pub profile: ProfileId,
    /// Its organization, where an answer named it.
    pub organization: Option<Organization>,
    /// What is asked; none where the request names no model.
    pub class: Option<RequestClass>,
}

impl Scopes {
    /// Each scope, the widest last.
    pub fn all(&self) -> Vec<Scope> {
        let mut all = vec![Scope::Credential(self.profile)];
        all.extend(
            self.class
                .clone()
                .map(|class| Scope::CredentialClass(self.profile, class)),
        );
        if let Some(organization) = &self.organization {
            let class = self.class.clone();
            all.extend(class.map(|class| Scope::OrganizationClass(organization.clone(), class)));
            all.push(Scope::Organization(organization.clone()));
        }
        all
    }

    /// The one scope that a verdict strikes; none where it says nothing about a credential.
    pub fn struck(&self, verdict: Verdict) -> Option<Scope> {
        let credential = Scope::Credential(self.profile);
        let of_class = self.class.clone().map_or_else(
            || credential.clone(),
            |class| Scope::CredentialClass(self.profile, class),
        );
        if is_a_limit(verdict) && !self.asks_a_message() {
            return Some(of_class);
        }
        match verdict.scope() {
            Struck::Credential | Struck::Workspace => Some(credential),
            Struck::CredentialModel | Struck::AccountRegionModel | Struck::ProjectRegionModel => {
                Some(of_class)
            }
            Struck::Organization => Some(
                self.organization
                    .clone()
                    .map_or(credential, Scope::Organization),
            ),
            Struck::OrganizationModelClass => match (&self.organization, &self.class) {
                (Some(organization), Some(class)) => Some(Scope::OrganizationClass(
                    organization.clone(),
                    class.clone(),
                )),
                (None, _) | (_, None) => Some(of_class),
            },
            Struck::None
            | Struck::Request
            | Struck::Upstream
            | Struck::UpstreamModel
            | Struck::Network
            | Struck::Gateway => None,
        }
    }

    fn asks_a_message(&self) -> bool {
        self.class.as_ref().is_none_or(RequestClass::is_a_message)
    }
}

fn is_a_limit(verdict: Verdict) -> bool {
    matches!(verdict.effect(), Effect::CoolUntil | Effect::CoolModelUntil)
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
            let found = RequestClass::of_model(model).map(|class| class.to_string());
            assert_eq!(found.as_deref(), class, "{model}");
        }
    }

    #[test]
    fn an_organization_reads_back_and_takes_no_strange_id() {
        let origin = crate::origin::BaseUrl::parse(
            "https://api.anthropic.com",
            crate::origin::PlainHttp::Refused,
        )
        .unwrap();
        let organization = Organization::new(origin.origin(), "0a1b-2c").unwrap();
        assert_eq!(organization.to_string().parse(), Ok(organization));
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert_eq!(Organization::new(origin.origin(), bad), Err(NotPlain));
        }
    }
}

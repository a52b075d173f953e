//! The members of a request that a decision depends on: their names, and the places where a model can be named.
//!
//! Invariants: a name is relevant if any parser may read it as relevant, so that upper and lower case are equal here,
//! and the two letters outside ASCII that lower to one of it; text that models write or read (messages, the system
//! prompt, schemas and examples) names no model that would answer.

use super::error::BodyError;
use super::{MAX_OTHER_MODELS, Peek};

/// The object that a member belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MemberPlace {
    /// The request itself.
    Request,
    /// `metadata`.
    Metadata,
    /// Any other object that can name a model.
    Nested,
}

/// The purpose of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A value that is not read itself, but may contain relevant members.
    Plain,
    /// A value without relevant members.
    Opaque,
    /// `model` of the request.
    Model,
    /// `stream`.
    Stream,
    /// `max_tokens`.
    MaxTokens,
    /// `metadata`.
    Metadata,
    /// `metadata.user_id`.
    UserId,
    /// Another model, or a list of them.
    OtherModel,
}

/// The fields that must appear once, in the order of the bits that say so.
const FIELDS: [(&str, Role); 4] = [
    ("model", Role::Model),
    ("stream", Role::Stream),
    ("max_tokens", Role::MaxTokens),
    ("metadata", Role::Metadata),
];

/// Members of the request that contain only text for and by models.
const CONTENT: [&str; 2] = ["messages", "system"];

/// Members of tools and output formats that contain only schemas and examples.
const SCHEMAS: [&str; 3] = ["input_schema", "input_examples", "schema"];

/// The fields as far as they are read.
#[derive(Clone, Default, Debug)]
pub(super) struct RequestFields {
    pub(super) peek: Peek,
    /// One for each of [`FIELDS`] that has appeared.
    seen: [bool; FIELDS.len()],
    user_id: UserId,
}

/// The state of `metadata.user_id`, which never makes a body invalid: it is left to the API.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum UserId {
    #[default]
    Absent,
    Present,
    /// It appeared twice, in any spelling, so that parsers may differ.
    Ambiguous,
}

impl RequestFields {
    /// Returns the role of a member's value.
    ///
    /// # Errors
    /// [`BodyError::DuplicateKey`], [`BodyError::CaseVariant`].
    pub(super) fn role(&mut self, place: MemberPlace, name: &str) -> Result<Role, BodyError> {
        match place {
            MemberPlace::Request => self.role_in_request(name),
            MemberPlace::Metadata if is_variant(name, "user_id") => {
                let is_first = self.user_id == UserId::Absent && name == "user_id";
                self.user_id = if is_first {
                    UserId::Present
                } else {
                    self.peek.user_id = None;
                    UserId::Ambiguous
                };
                Ok(Role::UserId)
            }
            MemberPlace::Metadata => Ok(Role::Opaque),
            MemberPlace::Nested if SCHEMAS.contains(&name) => Ok(Role::Opaque),
            MemberPlace::Nested if names_models(name) => Ok(Role::OtherModel),
            MemberPlace::Nested => Ok(Role::Plain),
        }
    }

    fn role_in_request(&mut self, name: &str) -> Result<Role, BodyError> {
        let variant = FIELDS.iter().position(|(field, _)| is_variant(name, field));
        if let Some(index) = variant {
            let (field, role) = FIELDS[index];
            if name != field {
                let sent = name.to_owned();
                return Err(BodyError::CaseVariant { sent, field });
            }
            if std::mem::replace(&mut self.seen[index], true) {
                return Err(BodyError::DuplicateKey(field));
            }
            return Ok(role);
        }
        if CONTENT.contains(&name) {
            return Ok(Role::Opaque);
        }
        if names_models(name) {
            return Ok(Role::OtherModel);
        }
        Ok(Role::Plain)
    }

    /// Takes the text of a string value; `None` if it cannot be text.
    ///
    /// # Errors
    /// [`BodyError::Field`], [`BodyError::TooManyModels`].
    pub(super) fn text(&mut self, role: Role, text: Option<&str>) -> Result<(), BodyError> {
        match role {
            Role::Model => {
                let text = text.ok_or_else(|| wrong_type(role))?;
                self.peek.model = Some(text.to_owned());
                Ok(())
            }
            Role::OtherModel => self.add_other_model(text.ok_or_else(|| wrong_type(role))?),
            Role::UserId if self.user_id == UserId::Present => {
                self.peek.user_id = text.map(ToOwned::to_owned);
                Ok(())
            }
            Role::Stream | Role::MaxTokens => Err(wrong_type(role)),
            Role::Plain | Role::Opaque | Role::Metadata | Role::UserId => Ok(()),
        }
    }

    fn add_other_model(&mut self, model: &str) -> Result<(), BodyError> {
        let others = &mut self.peek.other_models;
        if others.iter().any(|other| other == model) {
            return Ok(());
        }
        if others.len() == MAX_OTHER_MODELS {
            return Err(BodyError::TooManyModels);
        }
        others.push(model.to_owned());
        Ok(())
    }
}

/// Returns the error for a value that is not of its field's type.
pub(super) fn wrong_type(role: Role) -> BodyError {
    let (field, expected) = match role {
        Role::Stream => ("stream", "true or false"),
        Role::MaxTokens => ("max_tokens", "a whole number"),
        Role::Plain
        | Role::Opaque
        | Role::Model
        | Role::Metadata
        | Role::UserId
        | Role::OtherModel => ("model", "a string"),
    };
    BodyError::Field { field, expected }
}

/// Returns `true` if a parser that ignores case may read `name` as this lowercase one.
fn is_variant(name: &str, lowercase: &str) -> bool {
    // The letters that lower to one of ASCII take two bytes more at most.
    (lowercase.len()..=3 * lowercase.len()).contains(&name.len())
        && name.chars().map(lower).eq(lowercase.chars())
}

/// Returns `true` if the value of such a member is a model, or a list of them: `model`, `fallback_model`, `fallbacks`.
fn names_models(name: &str) -> bool {
    let singular = name.strip_suffix(['s', 'S', 'ſ']).unwrap_or(name);
    let ends_in_model = singular
        .len()
        .checked_sub("model".len())
        .and_then(|start| singular.as_bytes().get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(b"model"));
    ends_in_model || is_variant(singular, "fallback")
}

/// Lowers a letter as parsers do that fold case by Unicode, such as Go's.
fn lower(char: char) -> char {
    match char {
        'ſ' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

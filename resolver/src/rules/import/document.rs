//! Parses JSON5, and therefore JSON, into a tree of the values that an import reads.
//!
//! Invariants: strings are borrowed from the text, which is wiped, if possible; the parser limits the nesting depth; an
//! error gives the position, never the content.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jsonc_parser::{JsonValue, ParseOptions, parse_to_value};

use super::ImportSkip;

/// A value of a document. It has no `Debug`, since it may contain tokens.
pub(super) enum Node<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// An object, sorted by key.
    Object(BTreeMap<Cow<'a, str>, Self>),
    /// A list.
    List(Vec<Self>),
    /// A number, a boolean or null, which an import does not read.
    Other,
}

impl<'a> Node<'a> {
    /// Parses a text; an empty one is an empty object.
    pub(super) fn parse(text: &'a str) -> Result<Self, ImportSkip> {
        let options = ParseOptions {
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match parse_to_value(text, &options) {
            Ok(Some(value)) => Ok(Self::from_value(value)),
            Ok(None) => Ok(Self::Object(BTreeMap::new())),
            Err(error) => Err(ImportSkip::Unreadable {
                line: error.line_display(),
                column: error.column_display(),
            }),
        }
    }

    fn from_value(value: JsonValue<'a>) -> Self {
        match value {
            JsonValue::String(text) => Self::Text(text),
            JsonValue::Object(object) => Self::Object(
                object
                    .into_iter()
                    .map(|(key, value)| (key, Self::from_value(value)))
                    .collect(),
            ),
            JsonValue::Array(list) => Self::List(list.into_iter().map(Self::from_value).collect()),
            JsonValue::Number(_) | JsonValue::Boolean(_) | JsonValue::Null => Self::Other,
        }
    }

    /// Returns the value at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| match node {
            Self::Object(object) => object.get(*key),
            Self::Text(_) | Self::List(_) | Self::Other => None,
        })
    }

    /// Returns the string at a path of keys, unless it is empty.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path)? {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            Self::Text(_) | Self::Object(_) | Self::List(_) | Self::Other => None,
        }
    }

    /// Returns the keys and values of the object at a path.
    pub(super) fn entries(&self, path: &[&str]) -> impl Iterator<Item = (&str, &Self)> {
        let object = match self.at(path) {
            Some(Self::Object(object)) => Some(object),
            Some(Self::Text(_) | Self::List(_) | Self::Other) | None => None,
        };
        object
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_ref(), value))
    }

    /// Returns the strings of the list at a path.
    pub(super) fn texts(&self, path: &[&str]) -> impl Iterator<Item = &str> {
        let list = match self.at(path) {
            Some(Self::List(list)) => list.as_slice(),
            Some(Self::Text(_) | Self::Object(_) | Self::Other) | None => &[],
        };
        list.iter().filter_map(|item| match item {
            Self::Text(text) => Some(text.as_ref()),
            Self::Object(_) | Self::List(_) | Self::Other => None,
        })
    }

    /// Returns `true` if it is an object.
    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json5_is_parsed() {
        let text = "\u{feff}// why\n{ env: {A: 'b', /* c */ \"d\": \"e\\u0066\",}, order: ['x', 1, \"y\"], n: +.5, }";
        let Ok(node) = Node::parse(text) else {
            panic!("not read");
        };
        assert_eq!(node.text(&["env", "A"]), Some("b"));
        assert_eq!(node.text(&["env", "d"]), Some("ef"));
        assert_eq!(node.texts(&["order"]).collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn invalid_json_is_reported_with_its_position() {
        for text in ["{", "{\"a\": sk-ant}", "{a: 1 b: 2}", "{}}"] {
            let Err(ImportSkip::Unreadable { line, column }) = Node::parse(text) else {
                panic!("{text}");
            };
            assert!(line == 1 && column >= 1);
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        for (open, close) in [("[", "]"), ("{a:", "}")] {
            let text = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
            assert!(matches!(
                Node::parse(&text),
                Err(ImportSkip::Unreadable { .. })
            ));
        }
    }
}

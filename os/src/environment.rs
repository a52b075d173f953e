//! Environment variables as one value, captured once and passed on.
//!
//! Invariants: no value is ever printed, not even by `Debug`; values are overwritten when dropped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use zeroize::Zeroizing;

/// Environment variables by name. Any value may be a secret, so none is printed.
#[derive(Default)]
pub struct Environment(BTreeMap<String, Value>);

#[derive(Clone)]
enum Value {
    Text(Zeroizing<String>),
    /// It is set, but not UTF-8.
    Unreadable,
}

impl Environment {
    /// Creates it from the names and values of the operating system. For a duplicate name the first one counts, as for
    /// `getenv`. A value that is not UTF-8 is set but unreadable.
    pub fn from_pairs<N: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut variables = BTreeMap::new();
        for (name, value) in pairs {
            let value = Value::new(value.into());
            let name = name.into().to_string_lossy().into_owned();
            variables.entry(name).or_insert(value);
        }
        Self(variables)
    }

    /// Returns the value, or `None` if the variable is not set or not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text),
            Value::Unreadable => None,
        }
    }

    /// Returns `true` if the variable is set, even to an empty or unreadable value.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the same variables without some of them and with others added or replaced.
    #[must_use]
    pub fn with_changes<'a>(
        &self,
        without: &[String],
        with: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !without.contains(name));
        let mut variables: BTreeMap<_, _> = kept
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let text = |value: &str| Value::Text(Zeroizing::new(value.to_owned()));
        variables.extend(
            with.into_iter()
                .map(|(name, value)| (name.to_owned(), text(value))),
        );
        Self(variables)
    }

    /// Returns the names of all variables, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Value {
    fn new(value: OsString) -> Self {
        match value.into_string() {
            Ok(text) => Self::Text(Zeroizing::new(text)),
            Err(bytes) => {
                drop(Zeroizing::new(bytes.into_encoded_bytes()));
                Self::Unreadable
            }
        }
    }
}

impl fmt::Debug for Environment {
    /// Formats the names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_readable_but_never_printed() {
        let environment =
            Environment::from_pairs([("B", "hidden"), ("A", ""), ("B", "the second")]);
        assert_eq!(environment.get("B"), Some("hidden"));
        assert_eq!(environment.get("A"), Some(""));
        assert_eq!(environment.get("C"), None);
        assert!(environment.is_set("A") && !environment.is_set("C"));
        let shown = format!("{environment:?}");
        assert!(shown.contains(r#"{"A", "B"}"#), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn non_utf8_value_is_set_but_unreadable() {
        use std::os::unix::ffi::OsStringExt as _;

        let odd = OsString::from_vec(vec![0xff]);
        let environment = Environment::from_pairs([(OsString::from("A"), odd)]);
        assert!(environment.is_set("A"));
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.names().collect::<Vec<_>>(), ["A"]);
    }
}

//! Everything resolution may look at, gathered beforehand into one value.
//!
//! Invariants: no value of the environment is ever printed, `Debug` included; values are overwritten when dropped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use jiff::Timestamp;
use zeroize::Zeroizing;

/// What the world looked like at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The environment a client would be started with.
    pub environment: Environment,
    /// The moment.
    pub now: Timestamp,
}

/// Environment variables by name. Any value may be a secret, so none is shown.
#[derive(Default)]
pub struct Environment(BTreeMap<String, Value>);

enum Value {
    Text(Zeroizing<String>),
    /// It is set, but no UTF-8.
    Unreadable,
}

impl Environment {
    /// Takes names with their values, as the operating system gives them. Of a name that comes twice the first counts,
    /// as for `getenv`. A value that is not UTF-8 is known to be set and cannot be read.
    pub fn from_pairs<N: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut variables = BTreeMap::new();
        for (name, value) in pairs {
            let value = Value::of(value.into());
            let name = name.into().to_string_lossy().into_owned();
            variables.entry(name).or_insert(value);
        }
        Self(variables)
    }

    /// The value, unless the variable is not set or not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text),
            Value::Unreadable => None,
        }
    }

    /// Whether the variable is set, be it to something unreadable or to nothing.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of all variables, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Value {
    fn of(value: OsString) -> Self {
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
    /// Lists the names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_never_shown() {
        let environment =
            Environment::from_pairs([("B", "hidden"), ("A", ""), ("B", "the second")]);
        assert_eq!(environment.get("B"), Some("hidden"));
        assert_eq!(environment.get("A"), Some(""));
        assert_eq!(environment.get("C"), None);
        assert!(environment.is_set("A") && !environment.is_set("C"));
        let snapshot = Snapshot {
            environment,
            now: Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{snapshot:?}");
        assert!(shown.contains(r#"{"A", "B"}"#), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_set_but_not_read() {
        use std::os::unix::ffi::OsStringExt as _;

        let odd = OsString::from_vec(vec![0xff]);
        let environment = Environment::from_pairs([(OsString::from("A"), odd)]);
        assert!(environment.is_set("A"));
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.names().collect::<Vec<_>>(), ["A"]);
    }
}

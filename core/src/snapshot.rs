//! Everything resolution may look at, gathered beforehand into one value.
//!
//! Invariants: no value of the environment is ever printed, `Debug` included; values are overwritten when dropped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::binding::Binding;
use crate::claude_code::{Login, RefusedKeys, SettingsFile};
use crate::profile::{Profile, ProfileId};
use crate::sdk_store::SdkStore;

/// What the world looked like at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The environment a client would be started with.
    pub environment: Arc<Environment>,
    /// The directory it would be started in, every symbolic link followed; none where it cannot be told.
    pub directory: Option<String>,
    /// The person's home directory; none where it cannot be told.
    pub home: Option<String>,
    /// Claude Code's settings files that are there, in any order. A file that is absent is left out.
    pub settings: Vec<SettingsFile>,
    /// Claude Code's own login; none where there is no file for it.
    pub login: Option<Login>,
    /// The keys that the person told Claude Code not to use; looked for only where it is started in a terminal.
    pub refused_keys: RefusedKeys,
    /// The directories in which the SDKs would look for profiles, where they are there.
    pub sdk_stores: Vec<SdkStore>,
    /// What keyreeve itself keeps.
    pub own: Own,
    /// The moment.
    pub now: Timestamp,
}

/// What keyreeve itself keeps, as far as resolution needs it.
#[derive(Default, Debug)]
pub struct Own {
    /// Every profile.
    pub profiles: Vec<Profile>,
    /// The one that `profile use` chose.
    pub default: Option<ProfileId>,
    /// Every binding of a directory.
    pub bindings: Vec<Binding>,
}

/// A text that may be a secret: it is never shown, and overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, to be judged and not to be shown.
    pub fn judge(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Snapshot {
    /// A world in which nothing but these variables is set.
    pub fn of_environment(environment: Environment, now: Timestamp) -> Self {
        Self {
            environment: Arc::new(environment),
            directory: None,
            home: None,
            settings: Vec::new(),
            login: None,
            refused_keys: RefusedKeys::default(),
            sdk_stores: Vec::new(),
            own: Own::default(),
            now,
        }
    }
}

/// Environment variables by name. Any value may be a secret, so none is shown.
#[derive(Default)]
pub struct Environment(BTreeMap<String, Value>);

#[derive(Clone)]
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

    /// The same variables, without some and with others in their place.
    #[must_use]
    pub fn changed<'a>(
        &self,
        without: &[String],
        with: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let left = self.0.iter().filter(|(name, _)| !without.contains(name));
        let mut variables: BTreeMap<_, _> = left
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let text = |value: &str| Value::Text(Zeroizing::new(value.to_owned()));
        variables.extend(
            with.into_iter()
                .map(|(name, value)| (name.to_owned(), text(value))),
        );
        Self(variables)
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
        let snapshot = Snapshot::of_environment(environment, Timestamp::UNIX_EPOCH);
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

//! Arguments of these programs: `--name value` pairs. Only `cargo xtask bench` writes them.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow};

/// Named values.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Parses `--name value` pairs.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut values = BTreeMap::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .with_context(|| format!("{word} is not an option"))?;
            let value = words
                .next()
                .with_context(|| format!("--{name} has no value"))?;
            values.insert(name.to_owned(), value.clone());
        }
        Ok(Self(values))
    }

    /// Returns a value that may be absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a value that must be present.
    pub(crate) fn required(&self, name: &str) -> Result<&str> {
        self.text(name)
            .with_context(|| format!("--{name} is missing"))
    }

    /// Returns a value as a number, or another type with a text form.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.required(name)?;
        text.parse()
            .map_err(|_| anyhow!("--{name} cannot be {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    #[test]
    fn arguments_are_pairs_of_name_and_value() {
        let words = ["--port", "80", "--key", "a"].map(str::to_owned);
        let arguments = Arguments::parse(&words).unwrap();
        assert_eq!(arguments.parsed::<u16>("port").unwrap(), 80);
        assert_eq!(arguments.text("key"), Some("a"));
        assert_eq!(arguments.text("other"), None);
        assert!(arguments.parsed::<u16>("key").is_err());
        assert!(Arguments::parse(&words[..3]).is_err());
    }
}

//! Canaries: fake secrets, one for each place where a test plants one, so that a leak names its source.
//!
//! Invariants: a canary has the canonical shape of its token family, so that the product accepts it; its body is one
//! word repeated, so that a leaked part identifies it as well as the whole; it is assembled from parts, so that no
//! secret scanner reports this file; it never prints itself.

use std::fmt;

use keyreeve_core::secret::Fingerprint;

/// A fake secret, labeled with the place where it is planted.
#[derive(Clone)]
pub struct Canary {
    label: String,
    value: String,
    marker: String,
}

impl Canary {
    /// Returns an API key. `label` is a short name of letters, digits and hyphens for its place, such as `stdin`.
    pub fn api_key(label: &str) -> Self {
        Self::anthropic("api03", label)
    }

    /// Returns an OAuth access token.
    pub fn oauth(label: &str) -> Self {
        Self::anthropic("oat01", label)
    }

    /// Returns a plan login in the form that the sandbox recognizes.
    pub fn plan_login(label: &str) -> Self {
        Self::anthropic("oat01-plan", label)
    }

    /// Returns a key in the form of our virtual keys that exists in no store; its checksum is wrong.
    pub fn wrong_virtual_key(label: &str) -> Self {
        let word: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
        let marker = format!("CANARYkrv{word}");
        let value = format!("krv_{}_{}_{}", "CANARY00", repeated(&marker, 32), "000000");
        Self {
            label: label.to_owned(),
            value,
            marker,
        }
    }

    /// Wraps a secret that the product generated, such as a virtual key it has just shown: from then on it must not
    /// appear anywhere. It is recognized by its middle half.
    pub fn generated(label: &str, value: &str) -> Self {
        let quarter = value.len() / 4;
        let marker = value
            .get(quarter..value.len() - quarter)
            .expect("a secret is ASCII")
            .to_owned();
        assert!(marker.len() >= 8, "{label}: too short to be recognized");
        Self {
            label: label.to_owned(),
            value: value.to_owned(),
            marker,
        }
    }

    /// Returns the name of the place where it is planted.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the secret.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns its fingerprint, as in the sandbox's and the ledger's records.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.value)
    }

    /// Returns the part by which the leak scan recognizes it.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    fn anthropic(family: &str, label: &str) -> Self {
        let is_plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        assert!(
            is_plain && (1..=20).contains(&label.len()),
            "{label}: not a short plain name"
        );
        let marker = format!("CANARY-{family}-{label}-");
        let value = ["sk-", "ant-", family, "-", &repeated(&marker, 93), "AA"].concat();
        Self {
            label: label.to_owned(),
            value,
            marker,
        }
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

fn repeated(word: &str, length: usize) -> String {
    word.chars().cycle().take(length).collect()
}

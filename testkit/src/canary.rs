//! Planted secrets: key-shaped, plainly fake, one for each place a test puts one, so that a leak names its path.
//!
//! Invariants: a canary has the canonical shape of its family, so that the product takes it for real; its body is one
//! word repeated, so that a piece of it that got out is as telling as the whole; it is assembled from parts, so that no
//! scanner takes this file for a leak; it never prints itself.

use std::fmt;

use keyreeve_core::secret::Fingerprint;

/// A fake secret and the name of the place it was planted in.
#[derive(Clone)]
pub struct Canary {
    sink: String,
    value: String,
    mark: String,
}

impl Canary {
    /// An API key planted in `sink`, a short name of letters, digits and hyphens such as `stdin`.
    pub fn api_key(sink: &str) -> Self {
        Self::anthropic("api03", sink)
    }

    /// An OAuth access token planted in `sink`.
    pub fn oauth(sink: &str) -> Self {
        Self::anthropic("oat01", sink)
    }

    /// A person's plan login as the sandbox knows one, planted in `sink`.
    pub fn plan_login(sink: &str) -> Self {
        Self::anthropic("oat01-plan", sink)
    }

    /// A key of the shape of our own virtual keys that no store knows; its checksum is wrong.
    pub fn wrong_virtual_key(sink: &str) -> Self {
        let word: String = sink.chars().filter(char::is_ascii_alphanumeric).collect();
        let mark = format!("CANARYkrv{word}");
        let value = format!("krv_{}_{}_{}", "CANARY00", repeated(&mark, 32), "000000");
        Self {
            sink: sink.to_owned(),
            value,
            mark,
        }
    }

    /// A secret that the product itself made, such as a virtual key it has just shown: from here on it may be seen
    /// nowhere. It is recognised by its middle half.
    pub fn made(sink: &str, value: &str) -> Self {
        let quarter = value.len() / 4;
        let mark = value
            .get(quarter..value.len() - quarter)
            .expect("a secret is ASCII")
            .to_owned();
        assert!(mark.len() >= 8, "{sink}: too short to be told from chance");
        Self {
            sink: sink.to_owned(),
            value: value.to_owned(),
            mark,
        }
    }

    /// The place it was planted in.
    pub fn sink(&self) -> &str {
        &self.sink
    }

    /// The whole secret, to be planted.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The mark under which the sandbox and the ledger speak of it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.value)
    }

    /// The part by which the leak scan knows it.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    fn anthropic(family: &str, sink: &str) -> Self {
        let plain = sink.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        assert!(
            plain && (1..=20).contains(&sink.len()),
            "{sink}: not a short plain name"
        );
        let mark = format!("CANARY-{family}-{sink}-");
        let value = ["sk-", "ant-", family, "-", &repeated(&mark, 93), "AA"].concat();
        Self {
            sink: sink.to_owned(),
            value,
            mark,
        }
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}

fn repeated(word: &str, length: usize) -> String {
    word.chars().cycle().take(length).collect()
}

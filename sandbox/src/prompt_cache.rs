//! Simulated prompt cache: stores each credential's prompt prefixes, so that usage shows cache writes and then reads.
//!
//! A prefix is identified by a hash of the model and all segments up to a breakpoint. Entries do not expire, so cache
//! reads do not depend on a clock. Beyond [`MAX_ENTRIES`] the oldest entry is evicted.

use std::collections::{HashSet, VecDeque};

use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::secret::Fingerprint;

use crate::tokens::{PromptSegment, TokenWeight, count_prompt};

/// Cached prefixes of all credentials.
#[derive(Default)]
pub(crate) struct PromptCache {
    known: HashSet<Entry>,
    order: VecDeque<Entry>,
}

/// Token counts of a prompt by class (docs/facts.md#usage).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct PromptTokens {
    /// Tokens that are not cached.
    pub(crate) input: u64,
    /// Tokens read from the cache.
    pub(crate) read: u64,
    /// Tokens written to the cache for 5 minutes.
    pub(crate) write_5m: u64,
    /// Tokens written to the cache for 1 hour.
    pub(crate) write_1h: u64,
}

type Entry = (Fingerprint, blake3::Hash);

/// Maximum number of cached prefixes.
const MAX_ENTRIES: usize = 4_096;
/// Number of segments before a breakpoint that are searched for a cached prefix.
const LOOKBACK: usize = 20;

impl PromptCache {
    /// Counts a prompt's tokens by class and adds its breakpoints to the cache.
    pub(crate) fn record(
        &mut self,
        credential: &Fingerprint,
        model: &str,
        segments: &[PromptSegment],
    ) -> PromptTokens {
        let prefixes = prefixes(model, segments);
        let breakpoints: Vec<usize> = (0..segments.len())
            .filter(|at| segments[*at].ttl.is_some())
            .collect();
        let known = breakpoints.iter().rev().find_map(|breakpoint| {
            (breakpoint.saturating_sub(LOOKBACK)..=*breakpoint)
                .rev()
                .find(|at| {
                    self.known
                        .contains(&(credential.clone(), prefixes[*at].hash))
                })
        });
        let mut prompt = PromptTokens::default();
        let mut counted = known.map_or(0, |at| prefixes[at].weight.tokens());
        prompt.read = counted;
        for at in breakpoints
            .into_iter()
            .filter(|at| known.is_none_or(|known| *at > known))
        {
            let tokens = prefixes[at].weight.tokens();
            match segments[at].ttl {
                Some(Ttl::OneHour) => prompt.write_1h += tokens - counted,
                Some(Ttl::FiveMinutes) | None => prompt.write_5m += tokens - counted,
            }
            counted = tokens;
            self.insert((credential.clone(), prefixes[at].hash));
        }
        prompt.input = count_prompt(segments) - counted;
        prompt
    }

    fn insert(&mut self, entry: Entry) {
        if self.known.insert(entry.clone()) {
            self.order.push_back(entry);
        }
        if self.order.len() > MAX_ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// The prompt up to and including one segment.
struct Prefix {
    hash: blake3::Hash,
    weight: TokenWeight,
}

fn prefixes(model: &str, segments: &[PromptSegment]) -> Vec<Prefix> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(model.as_bytes());
    let mut weight = TokenWeight::default();
    let prefix = |segment: &PromptSegment| {
        hasher.update(&(segment.identity.len() as u64).to_le_bytes());
        hasher.update(segment.identity.as_bytes());
        weight = weight.plus(segment.weight);
        Prefix {
            hash: hasher.finalize(),
            weight,
        }
    };
    segments.iter().map(prefix).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tokens::segments;

    fn block(text: &str, ttl: Option<&str>) -> Value {
        let control = ttl.map(|ttl| json!({"type": "ephemeral", "ttl": ttl}));
        json!({"type": "text", "text": text, "cache_control": control})
    }

    fn record(cache: &mut PromptCache, credential: &str, system: &[Value]) -> PromptTokens {
        let request = json!({"system": system, "messages": [{"role": "user", "content": "1234"}]});
        cache.record(
            &Fingerprint::of(credential),
            "m",
            &segments(&request).unwrap(),
        )
    }

    #[test]
    fn prefix_is_written_once_and_then_read() {
        let mut cache = PromptCache::default();
        let system = [
            block(&"a".repeat(400), Some("1h")),
            block(&"b".repeat(40), Some("5m")),
        ];
        let written = PromptTokens {
            input: 10,
            read: 0,
            write_5m: 10,
            write_1h: 100,
        };
        assert_eq!(record(&mut cache, "one", &system), written);
        assert_eq!(
            record(&mut cache, "one", &system),
            PromptTokens {
                input: 10,
                read: 110,
                ..PromptTokens::default()
            }
        );
        assert_eq!(record(&mut cache, "another credential", &system), written);
    }

    #[test]
    fn longer_prompt_reads_the_shared_prefix_and_writes_the_rest() {
        let mut cache = PromptCache::default();
        record(&mut cache, "one", &[block(&"a".repeat(400), Some("5m"))]);
        let longer = [
            block(&"a".repeat(400), None),
            block(&"b".repeat(40), Some("5m")),
        ];
        let prompt = PromptTokens {
            input: 10,
            read: 100,
            write_5m: 10,
            write_1h: 0,
        };
        assert_eq!(record(&mut cache, "one", &longer), prompt);
    }

    #[test]
    fn oldest_prefix_is_evicted() {
        let mut cache = PromptCache::default();
        for number in 0..=MAX_ENTRIES {
            record(&mut cache, "one", &[block(&number.to_string(), Some("5m"))]);
        }
        assert_eq!(cache.known.len(), MAX_ENTRIES);
        assert_eq!(record(&mut cache, "one", &[block("0", Some("5m"))]).read, 0);
    }
}

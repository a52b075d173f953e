//! Remembers which prompt prefixes a credential has sent, so that usage shows cache writes and then cache reads.
//!
//! A prefix is known by a hash over the model and every segment up to a breakpoint. Entries do not expire: what is
//! read does not depend on a clock. The oldest of [`ENTRIES`] make room.

use std::collections::{HashSet, VecDeque};

use keyreeve_core::secret::Fingerprint;

use crate::tokens::{Segment, Ttl, Weight, of_prompt};

/// The cached prefixes of all credentials.
#[derive(Default)]
pub(crate) struct Cache {
    known: HashSet<Entry>,
    order: VecDeque<Entry>,
}

/// What a prompt costs: its tokens by class (docs/facts.md#usage).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Prompt {
    /// Not cached.
    pub(crate) input: u64,
    /// Read from the cache.
    pub(crate) read: u64,
    /// Written for five minutes.
    pub(crate) write_5m: u64,
    /// Written for an hour.
    pub(crate) write_1h: u64,
}

type Entry = (Fingerprint, blake3::Hash);

/// The most prefixes remembered.
const ENTRIES: usize = 4_096;
/// How many segments before a breakpoint are looked at for one that is known.
const LOOKBACK: usize = 20;

impl Cache {
    /// Classes a prompt's tokens and remembers its breakpoints.
    pub(crate) fn pass(
        &mut self,
        credential: &Fingerprint,
        model: &str,
        segments: &[Segment],
    ) -> Prompt {
        let prefixes = prefixes(model, segments);
        let breakpoints: Vec<usize> = (0..segments.len())
            .filter(|at| segments[*at].mark.is_some())
            .collect();
        let known = breakpoints.iter().rev().find_map(|breakpoint| {
            (breakpoint.saturating_sub(LOOKBACK)..=*breakpoint)
                .rev()
                .find(|at| {
                    self.known
                        .contains(&(credential.clone(), prefixes[*at].hash))
                })
        });
        let mut prompt = Prompt::default();
        let mut counted = known.map_or(0, |at| prefixes[at].weight.tokens());
        prompt.read = counted;
        for at in breakpoints
            .into_iter()
            .filter(|at| known.is_none_or(|known| *at > known))
        {
            let tokens = prefixes[at].weight.tokens();
            match segments[at].mark {
                Some(Ttl::Hour) => prompt.write_1h += tokens - counted,
                Some(Ttl::FiveMinutes) | None => prompt.write_5m += tokens - counted,
            }
            counted = tokens;
            self.remember((credential.clone(), prefixes[at].hash));
        }
        prompt.input = of_prompt(segments) - counted;
        prompt
    }

    fn remember(&mut self, entry: Entry) {
        if self.known.insert(entry.clone()) {
            self.order.push_back(entry);
        }
        if self.order.len() > ENTRIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Everything up to and with one segment.
struct Prefix {
    hash: blake3::Hash,
    weight: Weight,
}

fn prefixes(model: &str, segments: &[Segment]) -> Vec<Prefix> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(model.as_bytes());
    let mut weight = Weight::default();
    let prefix = |segment: &Segment| {
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

    fn pass(cache: &mut Cache, who: &str, system: &[Value]) -> Prompt {
        let request = json!({"system": system, "messages": [{"role": "user", "content": "1234"}]});
        cache.pass(&Fingerprint::of(who), "m", &segments(&request).unwrap())
    }

    #[test]
    fn a_prefix_is_written_once_and_then_read() {
        let mut cache = Cache::default();
        let system = [
            block(&"a".repeat(400), Some("1h")),
            block(&"b".repeat(40), Some("5m")),
        ];
        let written = Prompt {
            input: 10,
            read: 0,
            write_5m: 10,
            write_1h: 100,
        };
        assert_eq!(pass(&mut cache, "one", &system), written);
        assert_eq!(
            pass(&mut cache, "one", &system),
            Prompt {
                input: 10,
                read: 110,
                ..Prompt::default()
            }
        );
        assert_eq!(pass(&mut cache, "another credential", &system), written);
    }

    #[test]
    fn a_longer_prompt_reads_what_it_shares_and_writes_the_rest() {
        let mut cache = Cache::default();
        pass(&mut cache, "one", &[block(&"a".repeat(400), Some("5m"))]);
        let longer = [
            block(&"a".repeat(400), None),
            block(&"b".repeat(40), Some("5m")),
        ];
        let prompt = Prompt {
            input: 10,
            read: 100,
            write_5m: 10,
            write_1h: 0,
        };
        assert_eq!(pass(&mut cache, "one", &longer), prompt);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let mut cache = Cache::default();
        for number in 0..=ENTRIES {
            pass(&mut cache, "one", &[block(&number.to_string(), Some("5m"))]);
        }
        assert_eq!(cache.known.len(), ENTRIES);
        assert_eq!(pass(&mut cache, "one", &[block("0", Some("5m"))]).read, 0);
    }
}

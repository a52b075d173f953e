//! Parses usage reports leniently, and merges successive ones (docs/facts.md#usage).
//!
//! Invariants: reports are cumulative, so a field that is present and not null replaces the earlier value; every field
//! is parsed separately, so that one invalid value affects no other.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Geo, PricedPart, ServiceTier, Speed, TokenCounts, Usage};

/// Maximum length of a model name or error type; longer ones are ignored.
const MAX_NAME_BYTES: usize = 256;

/// The data of an event, the message inside a `message_start`, or a whole response: they share these fields.
#[derive(Deserialize)]
pub(super) struct UsageEnvelope<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UsageFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation: Option<&'a RawValue>,
    #[serde(borrow)]
    server_tool_use: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    speed: Option<&'a RawValue>,
    #[serde(borrow)]
    inference_geo: Option<&'a RawValue>,
    #[serde(borrow)]
    iterations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WriteSplit<'a> {
    #[serde(borrow)]
    ephemeral_5m_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    ephemeral_1h_input_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ServerTools<'a> {
    #[serde(borrow)]
    web_search_requests: Option<&'a RawValue>,
}

/// The merged usage reports of one response so far.
#[derive(Default)]
pub(super) struct ReportedUsage {
    counters: Counters,
    iterations: Vec<Iteration>,
    web_searches: u64,
    service_tier: ServiceTier,
    speed: Speed,
    geo: Geo,
}

/// The counters of a response or of one iteration.
#[derive(Clone, Copy, Default)]
struct Counters {
    input: u64,
    output: u64,
    cache_read: u64,
    writes: u64,
    writes_1h: u64,
}

struct Iteration {
    counted_in: CountedIn,
    model: Option<String>,
    tokens: TokenCounts,
}

/// The counters that include an iteration's tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountedIn {
    /// The top-level counters: `message`, `fallback_message`, and any unknown kind.
    TopLevel,
    /// Only the iteration, at the model of the response: `compaction`.
    IterationOnly,
    /// Only the iteration, at its own model: `advisor_message`.
    IterationWithOwnModel,
}

impl ReportedUsage {
    /// Merges the next report. Returns `false` if it cannot be parsed as an object.
    pub(super) fn apply(&mut self, usage: &RawValue) -> bool {
        let Some(report) = read::<UsageFields<'_>>(usage) else {
            return false;
        };
        self.counters.apply(&report);
        let tools = report.server_tool_use.and_then(read::<ServerTools<'_>>);
        replace(
            &mut self.web_searches,
            tools.and_then(|tools| tools.web_search_requests),
        );
        if let Some(tier) = report.service_tier.and_then(name) {
            self.service_tier = service_tier(&tier);
        }
        if let Some(speed) = report.speed.and_then(name) {
            self.speed = if speed == "fast" {
                Speed::Fast
            } else {
                Speed::Standard
            };
        }
        if let Some(geo) = report.inference_geo.and_then(name) {
            self.geo = if geo == "us" { Geo::Us } else { Geo::Global };
        }
        if let Some(list) = report.iterations.and_then(read::<Vec<&RawValue>>) {
            self.iterations = list
                .into_iter()
                .filter_map(read)
                .map(|it| iteration(&it))
                .collect();
        }
        true
    }

    /// Returns the reported usage, divided into the parts that are priced separately.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            parts: self.parts(),
            web_searches: self.web_searches,
            service_tier: self.service_tier,
            speed: self.speed,
            geo: self.geo,
        }
    }

    /// Returns the top-level counters as one part, unless the iterations add up to them exactly: then each iteration is
    /// a part with its own price tier.
    fn parts(&self) -> Vec<PricedPart> {
        let (included, separate): (Vec<_>, Vec<_>) = self
            .iterations
            .iter()
            .partition(|it| it.counted_in == CountedIn::TopLevel);
        let top = self.counters.tokens();
        let sum = included
            .iter()
            .fold(TokenCounts::default(), |sum, it| sum.plus(it.tokens));
        let mut parts: Vec<PricedPart> = if !top.is_zero() && sum == top {
            included
                .into_iter()
                .map(|it| PricedPart {
                    model: None,
                    tokens: it.tokens,
                })
                .collect()
        } else {
            vec![PricedPart {
                model: None,
                tokens: top,
            }]
        };
        parts.extend(separate.into_iter().map(|it| {
            let model = it
                .model
                .clone()
                .filter(|_| it.counted_in == CountedIn::IterationWithOwnModel);
            PricedPart {
                model,
                tokens: it.tokens,
            }
        }));
        parts.retain(|part| !part.tokens.is_zero());
        parts
    }
}

impl Counters {
    fn apply(&mut self, report: &UsageFields<'_>) {
        replace(&mut self.input, report.input_tokens);
        replace(&mut self.output, report.output_tokens);
        replace(&mut self.cache_read, report.cache_read_input_tokens);
        replace(&mut self.writes, report.cache_creation_input_tokens);
        if let Some(split) = report.cache_creation.and_then(read::<WriteSplit<'_>>) {
            replace(&mut self.writes_1h, split.ephemeral_1h_input_tokens);
            let writes_5m = split.ephemeral_5m_input_tokens.and_then(count).unwrap_or(0);
            self.writes = self.writes.max(self.writes_1h.saturating_add(writes_5m));
        }
    }

    /// Returns the counts by class. Writes beyond the reported split count as 5-minute writes: only the 1-hour part of
    /// the split is used.
    fn tokens(self) -> TokenCounts {
        let write_1h = self.writes_1h.min(self.writes);
        TokenCounts {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            write_5m: self.writes - write_1h,
            write_1h,
        }
    }
}

/// Parses a non-empty string of limited length as a name.
pub(super) fn name(raw: &RawValue) -> Option<String> {
    read::<String>(raw).filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES)
}

/// Parses the `type` inside an `error` object.
pub(super) fn error_type(error: &RawValue) -> Option<String> {
    read::<ErrorObject<'_>>(error)?.kind.and_then(name)
}

/// Parses a value of the expected type, or returns `None`.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn iteration(report: &UsageFields<'_>) -> Iteration {
    let mut counters = Counters::default();
    counters.apply(report);
    let counted_in = match report.kind.and_then(name).as_deref() {
        Some("compaction") => CountedIn::IterationOnly,
        Some("advisor_message") => CountedIn::IterationWithOwnModel,
        _ => CountedIn::TopLevel,
    };
    Iteration {
        counted_in,
        model: report.model.and_then(name),
        tokens: counters.tokens(),
    }
}

fn service_tier(text: &str) -> ServiceTier {
    match text {
        "batch" => ServiceTier::Batch,
        "priority" => ServiceTier::Priority,
        _ => ServiceTier::Standard,
    }
}

/// Maximum of any count: a thousand times the largest context window. A larger value is reduced to it, so that no sum
/// over responses can overflow, whatever an upstream sends.
const MAX_COUNT: u64 = 1_000_000_000;

/// Parses a count: digits only, up to 2⁶⁴ - 1; signs, fractions, exponents and strings are rejected.
fn count(raw: &RawValue) -> Option<u64> {
    raw.get()
        .parse()
        .ok()
        .map(|count: u64| count.min(MAX_COUNT))
}

fn replace(counter: &mut u64, reported: Option<&RawValue>) {
    if let Some(count) = reported.and_then(count) {
        *counter = count;
    }
}

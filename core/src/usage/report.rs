//! What the wire says about usage, read leniently, and how one report follows another (docs/facts.md#usage).
//!
//! Invariants: reports are cumulative, so that a field which is present and not null replaces what stood there; every
//! field is read by itself, so that one odd value spoils nothing else.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Geo, Part, ServiceTier, Speed, Tokens, Usage};

/// Longer names than this are no model and no error type; they are ignored.
const LONGEST_NAME: usize = 256;

/// An event's data, the message inside a `message_start`, or a whole answer: they share these fields.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
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
struct ErrorBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Report<'a> {
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

/// Everything reported so far about one answer.
#[derive(Default)]
pub(super) struct Reported {
    counters: Counters,
    iterations: Vec<Iteration>,
    web_searches: u64,
    service_tier: ServiceTier,
    speed: Speed,
    geo: Geo,
}

/// The counters of an answer or of one iteration.
#[derive(Clone, Copy, Default)]
struct Counters {
    input: u64,
    output: u64,
    cache_read: u64,
    writes: u64,
    writes_1h: u64,
}

struct Iteration {
    place: Place,
    model: Option<String>,
    tokens: Tokens,
}

/// Where an iteration's tokens are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the top-level counters: `message`, `fallback_message`, and whatever else may come.
    Inside,
    /// Only in the iteration, at the answer's model: `compaction`.
    Outside,
    /// Only in the iteration, at its own model: `advisor_message`.
    OutsideOwnModel,
}

impl Reported {
    /// Takes the next report; false when it is not an object that can be read.
    pub(super) fn apply(&mut self, usage: &RawValue) -> bool {
        let Some(report) = read::<Report<'_>>(usage) else {
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

    /// What has been reported, cut into the parts that are priced apart.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            parts: self.parts(),
            web_searches: self.web_searches,
            service_tier: self.service_tier,
            speed: self.speed,
            geo: self.geo,
        }
    }

    /// The top-level counters are one part, unless iterations account for them to the token: then each iteration is a
    /// part with a price tier of its own.
    fn parts(&self) -> Vec<Part> {
        let (inside, outside): (Vec<_>, Vec<_>) = self
            .iterations
            .iter()
            .partition(|it| it.place == Place::Inside);
        let top = self.counters.tokens();
        let sum = inside
            .iter()
            .fold(Tokens::default(), |sum, it| sum.plus(it.tokens));
        let mut parts: Vec<Part> = if !top.is_zero() && sum == top {
            inside
                .into_iter()
                .map(|it| Part {
                    model: None,
                    tokens: it.tokens,
                })
                .collect()
        } else {
            vec![Part {
                model: None,
                tokens: top,
            }]
        };
        parts.extend(outside.into_iter().map(|it| {
            let model = it
                .model
                .clone()
                .filter(|_| it.place == Place::OutsideOwnModel);
            Part {
                model,
                tokens: it.tokens,
            }
        }));
        parts.retain(|part| !part.tokens.is_zero());
        parts
    }
}

impl Counters {
    fn apply(&mut self, report: &Report<'_>) {
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

    /// Writes beyond the reported split count as 5-minute writes: only the 1-hour part is kept from it.
    fn tokens(self) -> Tokens {
        let write_1h = self.writes_1h.min(self.writes);
        Tokens {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            write_5m: self.writes - write_1h,
            write_1h,
        }
    }
}

/// Reads a short string; nothing else is a name.
pub(super) fn name(raw: &RawValue) -> Option<String> {
    read::<String>(raw).filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME)
}

/// Reads the `type` inside an `error` object.
pub(super) fn error_type(error: &RawValue) -> Option<String> {
    read::<ErrorBody<'_>>(error)?.kind.and_then(name)
}

/// Reads a value of the wanted shape, or nothing.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn iteration(report: &Report<'_>) -> Iteration {
    let mut counters = Counters::default();
    counters.apply(report);
    let place = match report.kind.and_then(name).as_deref() {
        Some("compaction") => Place::Outside,
        Some("advisor_message") => Place::OutsideOwnModel,
        _ => Place::Inside,
    };
    Iteration {
        place,
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

/// No answer uses more of anything: a thousand times the largest context window. What claims more counts as this much,
/// so that no sum over answers can run over, whatever an upstream writes.
const MOST: u64 = 1_000_000_000;

/// A count is a row of digits up to 2⁶⁴ - 1; signs, fractions, exponents and strings are none.
fn count(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok().map(|count: u64| count.min(MOST))
}

fn replace(counter: &mut u64, reported: Option<&RawValue>) {
    if let Some(count) = reported.and_then(count) {
        *counter = count;
    }
}

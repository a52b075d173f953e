//! The usage of a response: tokens by class, and the options that determine their price.
//!
//! Invariants: nothing here fails. A number that is not a whole count is ignored; an event that cannot be parsed is
//! skipped and recorded in [`MeterReport::has_gaps`]; earlier counts remain, since a cut stream is billed for the
//! output it produced (docs/facts.md#usage).

mod meter;
mod report;
mod stream_start;

pub use meter::{Meter, meter_body};
pub use stream_start::{StreamStart, StreamStartReader};

/// Token counts of one response by class; the classes do not overlap.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TokenCounts {
    /// Input that was neither read from a cache nor written to one.
    pub input: u64,
    /// Output, including thinking.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache for five minutes.
    pub write_5m: u64,
    /// Input written to a cache for one hour.
    pub write_1h: u64,
}

impl TokenCounts {
    /// Returns the size of the prompt, which determines the price tier of a model: all classes except the output.
    pub fn prompt(&self) -> u64 {
        [self.cache_read, self.write_5m, self.write_1h]
            .into_iter()
            .fold(self.input, u64::saturating_add)
    }

    /// Returns `true` if all counts are zero.
    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of each class, saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            write_5m: self.write_5m.saturating_add(other.write_5m),
            write_1h: self.write_1h.saturating_add(other.write_1h),
        }
    }
}

/// The reported usage of a response: everything that its price depends on.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The parts that are priced separately, each by the tier of its own prompt.
    pub parts: Vec<PricedPart>,
    /// Number of searches by the web search tool; each has a fee.
    pub web_searches: u64,
    /// The service tier of the response.
    pub service_tier: ServiceTier,
    /// The speed of the response.
    pub speed: Speed,
    /// The geographic region of the inference.
    pub geo: Geo,
}

impl Usage {
    /// Returns the sum of all parts.
    pub fn totals(&self) -> TokenCounts {
        self.parts
            .iter()
            .fold(TokenCounts::default(), |sum, part| sum.plus(part.tokens))
    }
}

/// Tokens that are priced together: one pass of one model over one prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PricedPart {
    /// The model that produced them; `None` means the model of the response.
    pub model: Option<String>,
    /// The tokens that were used.
    pub tokens: TokenCounts,
}

/// `service_tier`. Only batches have a different price; an unknown value counts as standard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum ServiceTier {
    /// `standard`
    #[default]
    Standard,
    /// `priority`: capacity bought in advance, calculated at the standard price.
    Priority,
    /// `batch`: half the price.
    Batch,
}

/// `speed`. An unknown value counts as standard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Speed {
    /// `standard`
    #[default]
    Standard,
    /// `fast`: more expensive, on models that have this mode.
    Fast,
}

/// `inference_geo`. An unknown value counts as global.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Geo {
    /// Anywhere.
    #[default]
    Global,
    /// `us`: in the United States only, at a premium for most models.
    Us,
}

/// The result of metering a response.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct MeterReport {
    /// The model that produced the response; not always the one that was requested.
    pub model: Option<String>,
    /// The usage.
    pub usage: Usage,
    /// `true` if the response is complete: it has `message_stop`, or is a whole JSON body that is not an error.
    pub is_complete: bool,
    /// The `error.type` of the response, if it has an error.
    pub error: Option<String>,
    /// `true` if something that could have contained usage was too long or could not be parsed: the counts may be too
    /// low.
    pub has_gaps: bool,
}

//! What an answer used: tokens by class, and the terms under which they are sold.
//!
//! Invariants: nothing here fails. A number that is no whole count is ignored, an event that cannot be read is skipped
//! and marked in [`Metered::gaps`]; what was counted up to then stands, since a cut stream is billed for what it
//! produced (docs/facts.md#usage).

mod meter;
mod opening;
mod report;
mod sse;

pub use meter::{Meter, of_body};
pub use opening::{Opening, opening};

/// Tokens of one answer by class; the classes do not overlap.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// Input that neither came from a cache nor was written to one.
    pub input: u64,
    /// Output, thinking included.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache for five minutes.
    pub write_5m: u64,
    /// Input written to a cache for one hour.
    pub write_1h: u64,
}

impl Tokens {
    /// The size of the prompt, by which a model's price tier is chosen: all classes but the output.
    pub fn prompt(&self) -> u64 {
        [self.cache_read, self.write_5m, self.write_1h]
            .into_iter()
            .fold(self.input, u64::saturating_add)
    }

    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Adds class by class, up to the largest count.
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

/// What an answer reported: all that its price depends on.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The parts that are priced apart, each with the tier of its own prompt.
    pub parts: Vec<Part>,
    /// Searches that the web search tool made; each has a fee of its own.
    pub web_searches: u64,
    /// The tier that served the answer.
    pub service_tier: ServiceTier,
    /// The speed it was served at.
    pub speed: Speed,
    /// Where it was computed.
    pub geo: Geo,
}

impl Usage {
    /// Sums all parts.
    pub fn totals(&self) -> Tokens {
        self.parts
            .iter()
            .fold(Tokens::default(), |sum, part| sum.plus(part.tokens))
    }
}

/// Tokens that are priced together: one pass of one model over one prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The model that made them; none means that of the answer.
    pub model: Option<String>,
    /// What it used.
    pub tokens: Tokens,
}

/// `service_tier`. Only batches have another price; a value not known here counts as standard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum ServiceTier {
    /// `standard`
    #[default]
    Standard,
    /// `priority`: capacity bought beforehand, reckoned at the standard price.
    Priority,
    /// `batch`: at half the price.
    Batch,
}

/// `speed`. A value not known here counts as standard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Speed {
    /// `standard`
    #[default]
    Standard,
    /// `fast`: dearer where the model has that mode.
    Fast,
}

/// `inference_geo`. A value not known here counts as global.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Geo {
    /// Anywhere.
    #[default]
    Global,
    /// `us`: in the United States only, at a premium for most models.
    Us,
}

/// What metering an answer gave.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Metered {
    /// The model that answered; not always the one that was asked for.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// Whether the answer came to its end: `message_stop`, or a whole JSON body that is no error.
    pub complete: bool,
    /// The `error.type` the answer carried.
    pub error: Option<String>,
    /// Whether something that could have held usage was too long or could not be read: the counts may be too low.
    pub gaps: bool,
}

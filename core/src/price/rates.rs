//! Rates of a model, in nano-dollars per token, and its price multipliers.
//!
//! Invariant: a model has at least one tier, and its last tier applies to every larger prompt.

use jiff::civil::Date;

use super::amount::Thousandths;

/// A model in the price table.
#[derive(Clone, Debug)]
pub(super) struct PricedModel {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) effective_from: Option<Date>,
    /// The tiers before the last, in increasing order of prompt size.
    pub(super) lower_tiers: Vec<Tier>,
    /// The rates of the last tier, for any larger prompt.
    pub(super) top_tier: Rates,
    pub(super) batch: Thousandths,
    pub(super) us_inference: Thousandths,
    pub(super) fast: Thousandths,
    /// In tokens.
    pub(super) context_window: u64,
    /// In tokens.
    pub(super) max_output: u64,
}

/// The rates for prompts up to a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    /// The largest prompt of this tier, in tokens.
    pub(super) max_prompt: u64,
    pub(super) rates: Rates,
}

/// Nano-dollars per token, by class: 1000 equals 1 dollar per million tokens.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Rates {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) write_5m: u64,
    pub(super) write_1h: u64,
}

impl PricedModel {
    /// Returns the rates for a prompt of this size; they apply to every token of the iteration, output included.
    pub(super) fn rates_for(&self, prompt: u64) -> &Rates {
        let tier = self
            .lower_tiers
            .iter()
            .find(|tier| prompt <= tier.max_prompt);
        tier.map_or(&self.top_tier, |tier| &tier.rates)
    }

    /// Returns the highest rate of each class over all tiers.
    pub(super) fn max_rates(&self) -> Rates {
        self.lower_tiers
            .iter()
            .fold(self.top_tier, |rates, tier| rates.max_with(&tier.rates))
    }

    /// Returns an upper bound of both models: the highest rates, multipliers and limits of either.
    pub(super) fn max_with(self, other: &Self) -> Self {
        Self {
            lower_tiers: Vec::new(),
            top_tier: self.max_rates().max_with(&other.max_rates()),
            batch: self.batch.max(other.batch),
            us_inference: self.us_inference.max(other.us_inference),
            fast: self.fast.max(other.fast),
            context_window: self.context_window.max(other.context_window),
            max_output: self.max_output.max(other.max_output),
            ..self
        }
    }
}

impl Rates {
    fn max_with(self, other: &Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            write_5m: self.write_5m.max(other.write_5m),
            write_1h: self.write_1h.max(other.write_1h),
        }
    }
}

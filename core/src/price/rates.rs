//! One model's rates, in nano-dollars a token, and the multipliers it is sold at.
//!
//! Invariant: a model has at least one tier, and its last tier takes every prompt.

use jiff::civil::Date;

use super::amount::Thousandths;

/// A model as the price table lists it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) effective_from: Option<Date>,
    /// The tiers of larger and larger prompts before the last.
    pub(super) lower_tiers: Vec<Tier>,
    /// The rates of any larger prompt.
    pub(super) top_tier: Rates,
    pub(super) batch: Thousandths,
    pub(super) us_inference: Thousandths,
    pub(super) fast: Thousandths,
    /// Tokens.
    pub(super) context_window: u64,
    /// Tokens.
    pub(super) max_output: u64,
}

/// The rates of prompts up to a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    /// The largest prompt in tokens that is in it.
    pub(super) max_prompt: u64,
    pub(super) rates: Rates,
}

/// Nano-dollars a token, by class: 1000 is what price lists call 1 dollar per million.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Rates {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) write_5m: u64,
    pub(super) write_1h: u64,
}

impl Model {
    /// The rates of a prompt of this size; they hold for every token of its pass, the output too.
    pub(super) fn rates_for(&self, prompt: u64) -> &Rates {
        let tier = self
            .lower_tiers
            .iter()
            .find(|tier| prompt <= tier.max_prompt);
        tier.map_or(&self.top_tier, |tier| &tier.rates)
    }

    /// The dearest of each class over all tiers.
    pub(super) fn dearest_rates(&self) -> Rates {
        self.lower_tiers
            .iter()
            .fold(self.top_tier, |rates, tier| rates.dearer(&tier.rates))
    }

    /// Stands for a model that is not listed: the dearest and largest of everything in either.
    pub(super) fn dearer(self, other: &Self) -> Self {
        Self {
            lower_tiers: Vec::new(),
            top_tier: self.dearest_rates().dearer(&other.dearest_rates()),
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
    fn dearer(self, other: &Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            write_5m: self.write_5m.max(other.write_5m),
            write_1h: self.write_1h.max(other.write_1h),
        }
    }
}

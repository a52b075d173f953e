//! Prices: the cost of a response, and the maximum cost of a request before it is sent.
//!
//! Invariants: exact integers with a single rounding up per request (docs/facts.md#pricing); a model is never priced as
//! another version of it; a model without a known price is calculated at the highest rates and marked as such.

mod amount;
mod rates;
mod table;

use crate::money::NanoDollars;
use crate::usage::{Geo, PricedPart, ServiceTier, Speed, TokenCounts, Usage};

use self::amount::ExactAmount;
use self::rates::{PricedModel, Rates};
pub use self::table::{PriceTable, PriceTableError};

/// The cost of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// The sum, rounded up to a whole nano-dollar.
    pub amount: NanoDollars,
    /// The certainty of the sum.
    pub basis: CostBasis,
}

impl Cost {
    /// A certain cost of zero.
    pub const FREE: Self = Self {
        amount: NanoDollars::ZERO,
        basis: CostBasis::Known,
    };

    /// Returns the cost for this kind of payment: on a plan, the amount is only an equivalent.
    #[must_use]
    pub fn with_payment(self, payment: PaymentKind) -> Self {
        match payment {
            PaymentKind::Metered => self,
            PaymentKind::Plan => Self {
                basis: CostBasis::Equivalent,
                ..self
            },
        }
    }
}

/// The certainty of a cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CostBasis {
    /// Every part is calculated at its model's own price.
    Known,
    /// Some model is not in the table: the highest price of each class is used, so the actual cost is this or less.
    AtMost,
    /// The amount that the API would have charged. A plan paid, which does not bill single requests: the amount is
    /// never added to real costs.
    Equivalent,
}

/// The way a request is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentKind {
    /// By usage.
    Metered,
    /// By a monthly subscription.
    Plan,
}

/// Minimum number of bytes per token, for the estimate before sending. Text has three or four; only sequences of digits
/// and punctuation have fewer than two.
const MIN_BYTES_PER_TOKEN: u64 = 2;

impl PriceTable {
    /// Calculates the cost of a response. `model` is the model of the response, which may differ from the requested
    /// one.
    ///
    /// Each part is priced by the tier of its own prompt. A model that is not listed is priced at the highest price of
    /// each class over all models, which [`CostBasis::AtMost`] indicates. Zero usage costs nothing, even of an unlisted
    /// model.
    pub fn cost(&self, model: Option<&str>, usage: &Usage) -> Cost {
        let mut sum = ExactAmount::default();
        let mut basis = CostBasis::Known;
        for part in usage.parts.iter().filter(|part| !part.tokens.is_zero()) {
            let listed = part.model.as_deref().or(model).and_then(|id| self.find(id));
            if listed.is_none() {
                basis = CostBasis::AtMost;
            }
            sum.add(part_cost(
                listed.unwrap_or_else(|| self.upper_bound()),
                part,
                usage,
            ));
        }
        sum.add(ExactAmount::nanos(self.web_search()).times(usage.web_searches));
        Cost {
            amount: sum.round_up(),
            basis,
        }
    }

    /// Estimates the maximum cost of a request, to reserve it before sending.
    ///
    /// The estimate is high on purpose: every two bytes of the body count as a token, up to the model's context window,
    /// each at the most expensive input class (except cache reads) of the most expensive tier; `max_tokens` of output,
    /// at most the model's maximum, which is also the default; inference in the US, at standard speed. Server tools and
    /// fast mode are not included: they are settled with the response.
    pub fn worst_case(&self, model: &str, body_bytes: usize, max_tokens: Option<u64>) -> Cost {
        let (model, basis) = match self.find(model) {
            Some(listed) => (listed, CostBasis::Known),
            None => (self.upper_bound(), CostBasis::AtMost),
        };
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        let input = bytes
            .div_ceil(MIN_BYTES_PER_TOKEN)
            .min(model.context_window);
        let output = max_tokens.map_or(model.max_output, |limit| limit.min(model.max_output));
        let rates = model.max_rates();
        let mut sum =
            ExactAmount::nanos(rates.input.max(rates.write_5m).max(rates.write_1h)).times(input);
        sum.add(ExactAmount::nanos(rates.output).times(output));
        Cost {
            amount: sum.scaled(model.us_inference).round_up(),
            basis,
        }
    }
}

fn part_cost(model: &PricedModel, part: &PricedPart, usage: &Usage) -> ExactAmount {
    let mut sum = tokens_cost(model.rates_for(part.tokens.prompt()), &part.tokens);
    match usage.service_tier {
        ServiceTier::Batch => sum = sum.scaled(model.batch),
        ServiceTier::Standard | ServiceTier::Priority => {}
    }
    match usage.geo {
        Geo::Us => sum = sum.scaled(model.us_inference),
        Geo::Global => {}
    }
    match usage.speed {
        Speed::Fast => sum = sum.scaled(model.fast),
        Speed::Standard => {}
    }
    sum
}

fn tokens_cost(rates: &Rates, tokens: &TokenCounts) -> ExactAmount {
    let mut sum = ExactAmount::default();
    for (rate, count) in [
        (rates.input, tokens.input),
        (rates.output, tokens.output),
        (rates.cache_read, tokens.cache_read),
        (rates.write_5m, tokens.write_5m),
        (rates.write_1h, tokens.write_1h),
    ] {
        sum.add(ExactAmount::nanos(rate).times(count));
    }
    sum
}

//! Prices: what an answer cost, and what a request may cost at the most before it is sent.
//!
//! Invariants: exact integers until one rounding up per request (docs/facts.md#pricing); a model is never taken for
//! another version of itself; what no price is known for is reckoned at the dearest, and said to be so.

mod amount;
mod rates;
mod table;

use crate::money::NanoDollars;
use crate::usage::{Geo, Part, ServiceTier, Speed, Tokens, Usage};

use self::amount::Amount;
use self::rates::{Model, Rates};
pub use self::table::{BadTable, PriceTable};

/// What a request cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// The sum, rounded up to a whole nano-dollar.
    pub amount: NanoDollars,
    /// How sure the sum is.
    pub basis: Basis,
}

impl Cost {
    /// Nothing, for certain.
    pub const FREE: Self = Self {
        amount: NanoDollars::ZERO,
        basis: Basis::Known,
    };

    /// The same where it was paid like this: what a plan pays is no money, whatever it was reckoned at.
    #[must_use]
    pub fn paid(self, paid: Paid) -> Self {
        match paid {
            Paid::Money => self,
            Paid::ByPlan => Self {
                basis: Basis::Equivalent,
                ..self
            },
        }
    }
}

/// How sure a cost is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// Every part is reckoned at its model's own price.
    Known,
    /// Some model is not in the table: the dearest price of each class, so that the truth is this or less.
    AtMost,
    /// An estimate of what the API would have taken for it. A plan paid, which bills no single request: it is never
    /// summed up with money.
    Equivalent,
}

/// What a request is paid with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paid {
    /// Money, for what it used.
    Money,
    /// A subscription, which is paid for by the month.
    ByPlan,
}

/// Bytes of a request body that make a token at the least, as reckoned before sending. Text is nearer to three or
/// four; only rows of digits and punctuation come below two.
const BYTES_PER_TOKEN: u64 = 2;

impl PriceTable {
    /// Prices what an answer used. `model` is that of the answer, which need not be the one asked for.
    ///
    /// Each part has the tier of its own prompt. A model that is not listed is reckoned at the dearest price of each
    /// class over all models, and the basis says so. What used nothing costs nothing, whoever made it.
    pub fn cost(&self, model: Option<&str>, usage: &Usage) -> Cost {
        let mut sum = Amount::default();
        let mut basis = Basis::Known;
        for part in usage.parts.iter().filter(|part| !part.tokens.is_zero()) {
            let listed = part.model.as_deref().or(model).and_then(|id| self.find(id));
            if listed.is_none() {
                basis = Basis::AtMost;
            }
            sum.add(part_cost(
                listed.unwrap_or_else(|| self.dearest()),
                part,
                usage,
            ));
        }
        sum.add(Amount::nanos(self.web_search()).times(usage.web_searches));
        Cost {
            amount: sum.round_up(),
            basis,
        }
    }

    /// Reckons what a request may cost, to reserve it before sending.
    ///
    /// An estimate that errs on the dear side: every two bytes of the body are a token, up to the model's context
    /// window, each at the dearest input class (reading apart) of the dearest tier; `max_tokens` of output, at most the
    /// model's largest, which also stands where the request names none; inference in the US, at standard speed. Not foreseen are server
    /// tools and fast mode: they are settled with the answer.
    pub fn worst_case(&self, model: &str, body_bytes: usize, max_tokens: Option<u64>) -> Cost {
        let (model, basis) = match self.find(model) {
            Some(listed) => (listed, Basis::Known),
            None => (self.dearest(), Basis::AtMost),
        };
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        let input = bytes.div_ceil(BYTES_PER_TOKEN).min(model.context_window);
        let output = max_tokens.map_or(model.max_output, |limit| limit.min(model.max_output));
        let rates = model.dearest_rates();
        let mut sum =
            Amount::nanos(rates.input.max(rates.write_5m).max(rates.write_1h)).times(input);
        sum.add(Amount::nanos(rates.output).times(output));
        Cost {
            amount: sum.scaled(model.us_inference).round_up(),
            basis,
        }
    }
}

fn part_cost(model: &Model, part: &Part, usage: &Usage) -> Amount {
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

fn tokens_cost(rates: &Rates, tokens: &Tokens) -> Amount {
    let mut sum = Amount::default();
    for (rate, count) in [
        (rates.input, tokens.input),
        (rates.output, tokens.output),
        (rates.cache_read, tokens.cache_read),
        (rates.write_5m, tokens.write_5m),
        (rates.write_1h, tokens.write_1h),
    ] {
        sum.add(Amount::nanos(rate).times(count));
    }
    sum
}

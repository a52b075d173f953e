//! The price list: the one embedded in this build, or a newer file instead.
//!
//! Invariants: an invalid list is rejected as a whole, naming the model; every price is a whole number of nano-dollars
//! per token, parsed from its decimals without floating point.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::amount::Thousandths;
use super::rates::{PricedModel, Rates, Tier};

/// The list embedded in this build.
const EMBEDDED: &str = include_str!("../../data/pricing.json");

/// Default price of a web search: 10 dollars per thousand, in nano-dollars.
const DEFAULT_WEB_SEARCH: u64 = 10_000_000;

/// Maximum plausible price: 1,000,000,000 nano-dollars per token, or a million dollars per million tokens.
const MAX_PRICE: u64 = 1_000_000_000;

/// Maximum plausible multiplier, in thousandths.
const MAX_MULTIPLIER: u64 = 100_000;

/// A dated list of prices by model.
#[derive(Clone, Debug)]
pub struct PriceTable {
    as_of: String,
    models: Vec<PricedModel>,
    /// Indexes into `models` by id and alias.
    index: HashMap<String, usize>,
    /// Upper bound of all models, used for models that are not listed.
    upper_bound: PricedModel,
    /// Price of a search, in nano-dollars.
    web_search: u64,
}

/// An invalid price list.
#[derive(Debug, thiserror::Error)]
pub enum PriceTableError {
    /// It is not JSON of the expected shape.
    #[error("not a price list")]
    NotAPriceList(#[source] serde_json::Error),
    /// `as_of` is not a date (`YYYY-MM-DD`).
    #[error("as_of is not a date (YYYY-MM-DD): {0:?}")]
    AsOf(String),
    /// Its unit is not US dollars per million tokens.
    #[error("{field} must be {expected:?}")]
    Unit {
        /// `currency` or `unit`.
        field: &'static str,
        /// The required value.
        expected: &'static str,
    },
    /// It contains no model.
    #[error("it contains no model")]
    NoModels,
    /// An id or alias is listed twice.
    #[error("{0:?} is listed twice")]
    Duplicate(String),
    /// A field of a model is invalid.
    #[error("{model:?}: {field} {problem}")]
    Model {
        /// The model's id.
        model: String,
        /// The invalid field.
        field: &'static str,
        /// The problem with it.
        problem: &'static str,
    },
    /// The price of a search is invalid.
    #[error("web_search_per_1000 {0}")]
    WebSearch(&'static str),
}

#[derive(Deserialize)]
struct Listing<'a> {
    as_of: String,
    currency: Option<String>,
    unit: Option<String>,
    #[serde(borrow)]
    web_search_per_1000: Option<&'a RawValue>,
    #[serde(borrow)]
    models: Vec<ListedModel<'a>>,
}

#[derive(Deserialize)]
struct ListedModel<'a> {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    display_name: Option<String>,
    #[serde(borrow)]
    tiers: Vec<ListedTier<'a>>,
    #[serde(borrow)]
    batch_multiplier: Option<&'a RawValue>,
    #[serde(borrow)]
    us_inference_multiplier: Option<&'a RawValue>,
    #[serde(borrow)]
    fast_mode: Option<ListedFastMode<'a>>,
    context_window: u64,
    max_output: u64,
    effective_from: Option<String>,
}

#[derive(Deserialize)]
struct ListedTier<'a> {
    max_prompt_tokens: Option<u64>,
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow)]
    output: &'a RawValue,
    #[serde(borrow)]
    cache_read: &'a RawValue,
    #[serde(borrow)]
    cache_write_5m: &'a RawValue,
    #[serde(borrow)]
    cache_write_1h: &'a RawValue,
}

#[derive(Deserialize)]
struct ListedFastMode<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow)]
    output: &'a RawValue,
}

/// A field and the problem with it, before the model's name is added.
type FieldProblem = (&'static str, &'static str);

impl PriceTable {
    /// Parses the embedded list. Parse it once and store the result.
    #[expect(
        clippy::expect_used,
        reason = "a test proves that the embedded list parses"
    )]
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED).expect("the embedded price list parses")
    }

    /// Parses a list in the format of the embedded one, to replace it.
    ///
    /// # Errors
    /// [`PriceTableError`] if the list is invalid.
    pub fn parse(json: &str) -> Result<Self, PriceTableError> {
        let listing: Listing<'_> =
            serde_json::from_str(json).map_err(PriceTableError::NotAPriceList)?;
        check_unit(&listing)?;
        let web_search = match listing.web_search_per_1000 {
            None => DEFAULT_WEB_SEARCH,
            // One dollar per thousand is a million nano-dollars each.
            Some(price) => thousandths(price)
                .map_err(PriceTableError::WebSearch)?
                .saturating_mul(1000),
        };
        let index = index_models(&listing.models)?;
        let models = listing
            .models
            .into_iter()
            .map(model)
            .collect::<Result<Vec<_>, _>>()?;
        let mut others = models.iter();
        let first = others.next().ok_or(PriceTableError::NoModels)?.clone();
        let upper_bound = others.fold(first, PricedModel::max_with);
        Ok(Self {
            as_of: listing.as_of,
            models,
            index,
            upper_bound,
            web_search,
        })
    }

    /// Returns the date of the prices, `YYYY-MM-DD`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// Returns the id and display name of each model, in the list's order: newest first.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        self.models
            .iter()
            .map(|model| (model.id.as_str(), model.display_name.as_str()))
    }

    /// Returns the cheapest model for a short prompt and a short response; the newest of several.
    pub fn cheapest(&self) -> &str {
        let price = |model: &&PricedModel| {
            let rates = model.rates_for(0);
            rates.input.saturating_add(rates.output)
        };
        let cheapest = self.models.iter().min_by_key(price);
        cheapest.map_or("", |model| model.id.as_str())
    }

    /// Returns the date from which a model's prices apply, usually its release date, if the list has one.
    pub fn effective_from(&self, model: &str) -> Option<Date> {
        self.find(model)?.effective_from
    }

    /// Finds a model by id or alias. A date at the end of the name is optional, but a version is not.
    pub(super) fn find(&self, name: &str) -> Option<&PricedModel> {
        let position = self
            .index
            .get(name)
            .or_else(|| self.index.get(without_date(name)?))?;
        self.models.get(*position)
    }

    /// Returns the upper bound of all models, for models that are not listed.
    pub(super) fn upper_bound(&self) -> &PricedModel {
        &self.upper_bound
    }

    /// Returns the price of a search, in nano-dollars.
    pub(super) fn web_search(&self) -> u64 {
        self.web_search
    }
}

fn check_unit(listing: &Listing<'_>) -> Result<(), PriceTableError> {
    if listing.as_of.parse::<Date>().is_err() {
        return Err(PriceTableError::AsOf(listing.as_of.clone()));
    }
    for (field, value, expected) in [
        ("currency", &listing.currency, "USD"),
        ("unit", &listing.unit, "per 1,000,000 tokens"),
    ] {
        if value.as_deref().is_some_and(|value| value != expected) {
            return Err(PriceTableError::Unit { field, expected });
        }
    }
    Ok(())
}

fn index_models(models: &[ListedModel<'_>]) -> Result<HashMap<String, usize>, PriceTableError> {
    let mut index = HashMap::new();
    for (position, model) in models.iter().enumerate() {
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            if index.insert(name.clone(), position).is_some() {
                return Err(PriceTableError::Duplicate(name.clone()));
            }
        }
    }
    Ok(index)
}

fn model(listed: ListedModel<'_>) -> Result<PricedModel, PriceTableError> {
    let id = listed.id.clone();
    parse_model(listed).map_err(|(field, problem)| PriceTableError::Model {
        model: id,
        field,
        problem,
    })
}

fn parse_model(listed: ListedModel<'_>) -> Result<PricedModel, FieldProblem> {
    let (lower_tiers, top_tier) = tiers(&listed.tiers)?;
    if listed.context_window == 0 || listed.max_output == 0 {
        return Err(("context_window or max_output", "is zero"));
    }
    let date = listed.effective_from.map(|date| date.parse()).transpose();
    Ok(PricedModel {
        display_name: listed.display_name.unwrap_or_else(|| listed.id.clone()),
        id: listed.id,
        effective_from: date.map_err(|_| ("effective_from", "is not a date"))?,
        lower_tiers,
        top_tier,
        batch: multiplier("batch_multiplier", listed.batch_multiplier)?,
        us_inference: multiplier("us_inference_multiplier", listed.us_inference_multiplier)?,
        fast: listed
            .fast_mode
            .map_or(Ok(Thousandths::ONE), |fast| fast_mode(&fast, &top_tier))?,
        context_window: listed.context_window,
        max_output: listed.max_output,
    })
}

fn tiers(listed: &[ListedTier<'_>]) -> Result<(Vec<Tier>, Rates), FieldProblem> {
    let Some((top, lower)) = listed.split_last() else {
        return Err(("tiers", "are missing"));
    };
    if top.max_prompt_tokens.is_some() {
        return Err(("tiers", "do not cover the largest prompts"));
    }
    let mut tiers = Vec::new();
    for tier in lower {
        let max_prompt = tier
            .max_prompt_tokens
            .ok_or(("tiers", "continue after the largest prompts"))?;
        if tiers
            .last()
            .is_some_and(|last: &Tier| last.max_prompt >= max_prompt)
        {
            return Err(("tiers", "are not in increasing order"));
        }
        tiers.push(Tier {
            max_prompt,
            rates: rates(tier)?,
        });
    }
    Ok((tiers, rates(top)?))
}

fn rates(tier: &ListedTier<'_>) -> Result<Rates, FieldProblem> {
    Ok(Rates {
        input: price("input", tier.input)?,
        output: price("output", tier.output)?,
        cache_read: price("cache_read", tier.cache_read)?,
        write_5m: price("cache_write_5m", tier.cache_write_5m)?,
        write_1h: price("cache_write_1h", tier.cache_write_1h)?,
    })
}

/// Converts dollars per million tokens: in thousandths, they equal nano-dollars per token.
fn price(field: &'static str, raw: &RawValue) -> Result<u64, FieldProblem> {
    let nanos = thousandths(raw).map_err(|problem| (field, problem))?;
    if nanos > MAX_PRICE {
        Err((field, "is implausibly large"))
    } else {
        Ok(nanos)
    }
}

fn multiplier(field: &'static str, raw: Option<&RawValue>) -> Result<Thousandths, FieldProblem> {
    let Some(raw) = raw else {
        return Ok(Thousandths::ONE);
    };
    let by = thousandths(raw).map_err(|problem| (field, problem))?;
    if by > MAX_MULTIPLIER {
        Err((field, "is implausibly large"))
    } else {
        Ok(Thousandths(by))
    }
}

/// Derives the fast-mode multiplier, which is the same for every class, from the resulting prices of input and output.
fn fast_mode(fast: &ListedFastMode<'_>, rates: &Rates) -> Result<Thousandths, FieldProblem> {
    let (input, output) = (
        price("fast_mode", fast.input)?,
        price("fast_mode", fast.output)?,
    );
    let by = input
        .saturating_mul(1000)
        .checked_div(rates.input)
        .unwrap_or(1000);
    let exact = |price: u64, fast: u64| price * by == fast * 1000;
    if by <= MAX_MULTIPLIER && exact(rates.input, input) && exact(rates.output, output) {
        Ok(Thousandths(by))
    } else {
        Err((
            "fast_mode",
            "does not multiply input and output by the same factor",
        ))
    }
}

/// Parses a plain decimal of at most three places as thousandths.
fn thousandths(raw: &RawValue) -> Result<u64, &'static str> {
    let text = raw.get();
    if text.starts_with('-') {
        return Err("is negative");
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err("is not a plain number");
    }
    let part = part.trim_end_matches('0');
    if part.len() > 3 {
        return Err("has more than three decimals");
    }
    format!("{whole}{part:0<3}")
        .parse()
        .map_err(|_| "is implausibly large")
}

/// Removes a date from the end of a name: `-20250929` or `@20250929`.
fn without_date(name: &str) -> Option<&str> {
    let (rest, date) = name.rsplit_once(['-', '@'])?;
    let is_date = date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && Date::strptime("%Y%m%d", date).is_ok();
    is_date.then_some(rest)
}

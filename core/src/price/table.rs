//! The price list: the one that ships with this build, or a newer file in its place.
//!
//! Invariants: a table that is nonsense is refused whole, naming the model; every price is a whole number of
//! nano-dollars a token, read from its decimals and never by way of floating point.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::amount::Thousandths;
use super::rates::{Model, Rates, Tier};

/// The list that ships with this build.
const EMBEDDED: &str = include_str!("../../data/pricing.json");

/// What a search costs where the list does not say: 10 dollars a thousand, in nano-dollars.
const WEB_SEARCH: u64 = 10_000_000;

/// Beyond this many nano-dollars a token, a million dollars per million tokens, a price is taken for a mistake.
const DEAREST_SENSIBLE: u64 = 1_000_000_000;

/// Beyond this many thousandths a multiplier is taken for a mistake.
const LARGEST_SENSIBLE: u64 = 100_000;

/// Prices by model, dated.
#[derive(Clone, Debug)]
pub struct PriceTable {
    as_of: String,
    models: Vec<Model>,
    /// From ids and aliases to places in `models`.
    places: HashMap<String, usize>,
    /// Stands for every model that is not listed.
    dearest: Model,
    /// Nano-dollars a search.
    web_search: u64,
}

/// Why a price list was refused.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// It is not JSON of the expected shape.
    #[error("not a price list")]
    NotAPriceList(#[source] serde_json::Error),
    /// It is not dated `YYYY-MM-DD`.
    #[error("as_of is no date: {0:?}")]
    AsOf(String),
    /// It counts in something else than US dollars per million tokens.
    #[error("{field} must be {wanted:?}")]
    Unit {
        /// `currency` or `unit`.
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// It lists no model.
    #[error("lists no model")]
    NoModels,
    /// An id or alias is listed twice.
    #[error("{0:?} is listed twice")]
    Twice(String),
    /// Something about a model is nonsense.
    #[error("{model:?}: {field} {problem}")]
    Model {
        /// The model's id.
        model: String,
        /// What is wrong in it.
        field: &'static str,
        /// Why.
        problem: &'static str,
    },
    /// The price of a search is nonsense.
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

/// A field and what is wrong with it, before the model's name is added.
type Problem = (&'static str, &'static str);

impl PriceTable {
    /// Parses the list that ships with this build. Parse it once and keep it.
    #[expect(
        clippy::expect_used,
        reason = "a test proves that the embedded list parses"
    )]
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED).expect("the embedded price list parses")
    }

    /// Parses a list in the form of the embedded one, to stand in its place.
    ///
    /// # Errors
    /// When the list is nonsense: see [`BadTable`], which names the model.
    pub fn parse(json: &str) -> Result<Self, BadTable> {
        let listing: Listing<'_> = serde_json::from_str(json).map_err(BadTable::NotAPriceList)?;
        check_unit(&listing)?;
        let web_search = match listing.web_search_per_1000 {
            None => WEB_SEARCH,
            // A dollar a thousand is a million nano-dollars each.
            Some(price) => thousandths(price)
                .map_err(BadTable::WebSearch)?
                .saturating_mul(1000),
        };
        let places = index(&listing.models)?;
        let models = listing
            .models
            .into_iter()
            .map(model)
            .collect::<Result<Vec<_>, _>>()?;
        let mut others = models.iter();
        let first = others.next().ok_or(BadTable::NoModels)?.clone();
        let dearest = others.fold(first, Model::dearer);
        Ok(Self {
            as_of: listing.as_of,
            models,
            places,
            dearest,
            web_search,
        })
    }

    /// The date the prices are of, `YYYY-MM-DD`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// The models listed, as id and display name, in the list's order: newest first.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        self.models
            .iter()
            .map(|model| (model.id.as_str(), model.display_name.as_str()))
    }

    /// The model whose short question and short answer cost least; of several, the newest.
    pub fn cheapest(&self) -> &str {
        let price = |model: &&Model| {
            let rates = model.rates_for(0);
            rates.input.saturating_add(rates.output)
        };
        let cheapest = self.models.iter().min_by_key(price);
        cheapest.map_or("", |model| model.id.as_str())
    }

    /// The day from which a model's prices hold, about the day it came out, where the list says so.
    pub fn effective_from(&self, model: &str) -> Option<Date> {
        self.find(model)?.effective_from
    }

    /// Finds a model by id or alias; a date at the end of a name may be missing from the list, a version never.
    pub(super) fn find(&self, name: &str) -> Option<&Model> {
        let place = self
            .places
            .get(name)
            .or_else(|| self.places.get(without_date(name)?))?;
        self.models.get(*place)
    }

    /// Stands for every model that is not listed.
    pub(super) fn dearest(&self) -> &Model {
        &self.dearest
    }

    /// Nano-dollars a search.
    pub(super) fn web_search(&self) -> u64 {
        self.web_search
    }
}

fn check_unit(listing: &Listing<'_>) -> Result<(), BadTable> {
    if listing.as_of.parse::<Date>().is_err() {
        return Err(BadTable::AsOf(listing.as_of.clone()));
    }
    for (field, said, wanted) in [
        ("currency", &listing.currency, "USD"),
        ("unit", &listing.unit, "per 1,000,000 tokens"),
    ] {
        if said.as_deref().is_some_and(|said| said != wanted) {
            return Err(BadTable::Unit { field, wanted });
        }
    }
    Ok(())
}

fn index(models: &[ListedModel<'_>]) -> Result<HashMap<String, usize>, BadTable> {
    let mut places = HashMap::new();
    for (place, model) in models.iter().enumerate() {
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            if places.insert(name.clone(), place).is_some() {
                return Err(BadTable::Twice(name.clone()));
            }
        }
    }
    Ok(places)
}

fn model(listed: ListedModel<'_>) -> Result<Model, BadTable> {
    let id = listed.id.clone();
    sensible_model(listed).map_err(|(field, problem)| BadTable::Model {
        model: id,
        field,
        problem,
    })
}

fn sensible_model(listed: ListedModel<'_>) -> Result<Model, Problem> {
    let (lower_tiers, top_tier) = tiers(&listed.tiers)?;
    if listed.context_window == 0 || listed.max_output == 0 {
        return Err(("context_window or max_output", "is zero"));
    }
    let date = listed.effective_from.map(|date| date.parse()).transpose();
    Ok(Model {
        display_name: listed.display_name.unwrap_or_else(|| listed.id.clone()),
        id: listed.id,
        effective_from: date.map_err(|_| ("effective_from", "is no date"))?,
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

fn tiers(listed: &[ListedTier<'_>]) -> Result<(Vec<Tier>, Rates), Problem> {
    let Some((top, lower)) = listed.split_last() else {
        return Err(("tiers", "are missing"));
    };
    if top.max_prompt_tokens.is_some() {
        return Err(("tiers", "leave out the largest prompts"));
    }
    let mut tiers = Vec::new();
    for tier in lower {
        let max_prompt = tier
            .max_prompt_tokens
            .ok_or(("tiers", "go on after the largest prompts"))?;
        if tiers
            .last()
            .is_some_and(|last: &Tier| last.max_prompt >= max_prompt)
        {
            return Err(("tiers", "are not in the order of their prompts"));
        }
        tiers.push(Tier {
            max_prompt,
            rates: rates(tier)?,
        });
    }
    Ok((tiers, rates(top)?))
}

fn rates(tier: &ListedTier<'_>) -> Result<Rates, Problem> {
    Ok(Rates {
        input: price("input", tier.input)?,
        output: price("output", tier.output)?,
        cache_read: price("cache_read", tier.cache_read)?,
        write_5m: price("cache_write_5m", tier.cache_write_5m)?,
        write_1h: price("cache_write_1h", tier.cache_write_1h)?,
    })
}

/// Dollars per million tokens, in thousandths, are nano-dollars a token.
fn price(field: &'static str, raw: &RawValue) -> Result<u64, Problem> {
    let nanos = thousandths(raw).map_err(|problem| (field, problem))?;
    if nanos > DEAREST_SENSIBLE {
        Err((field, "is beyond all sense"))
    } else {
        Ok(nanos)
    }
}

fn multiplier(field: &'static str, raw: Option<&RawValue>) -> Result<Thousandths, Problem> {
    let Some(raw) = raw else {
        return Ok(Thousandths::ONE);
    };
    let by = thousandths(raw).map_err(|problem| (field, problem))?;
    if by > LARGEST_SENSIBLE {
        Err((field, "is beyond all sense"))
    } else {
        Ok(Thousandths(by))
    }
}

/// Fast mode multiplies every class alike; the list gives the prices that result for input and output.
fn fast_mode(fast: &ListedFastMode<'_>, rates: &Rates) -> Result<Thousandths, Problem> {
    let (input, output) = (
        price("fast_mode", fast.input)?,
        price("fast_mode", fast.output)?,
    );
    let by = input
        .saturating_mul(1000)
        .checked_div(rates.input)
        .unwrap_or(1000);
    let exact = |price: u64, fast: u64| price * by == fast * 1000;
    if by <= LARGEST_SENSIBLE && exact(rates.input, input) && exact(rates.output, output) {
        Ok(Thousandths(by))
    } else {
        Err(("fast_mode", "does not multiply input and output alike"))
    }
}

/// Reads a plain decimal of at most three places as a count of thousandths.
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
        .map_err(|_| "is beyond all sense")
}

/// Takes a date off the end of a name: `-20250929` or `@20250929`.
fn without_date(name: &str) -> Option<&str> {
    let (rest, date) = name.rsplit_once(['-', '@'])?;
    let is_date = date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && Date::strptime("%Y%m%d", date).is_ok();
    is_date.then_some(rest)
}

//! The models the sandbox serves: those of the price table, as pages of the API's shape (docs/facts.md#endpoints).

use keyreeve_core::price::PriceTable;
use serde::Serialize;

use crate::errors::Refusal;

/// The models, in the price table's order.
pub(crate) struct Models(Vec<Model>);

/// A model as the API lists it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Model {
    r#type: &'static str,
    id: String,
    display_name: String,
    created_at: &'static str,
}

/// One page of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a> {
    data: &'a [Model],
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

/// The price table has no dates of birth, so all models share one.
const CREATED_AT: &str = "2026-01-01T00:00:00Z";
/// Models on a page, where no `limit` says otherwise.
const PAGE: usize = 20;
/// The most models on a page.
const PAGE_MOST: usize = 1_000;

impl Models {
    /// The models of the price table that keyreeve ships.
    pub(crate) fn of_the_price_table() -> Self {
        let table = PriceTable::embedded();
        let model = |(id, name): (&str, &str)| Model {
            r#type: "model",
            id: id.to_owned(),
            display_name: name.to_owned(),
            created_at: CREATED_AT,
        };
        Self(table.models().map(model).collect())
    }

    /// One model: by its id, or by its id without the date behind it, or with one where it has none.
    ///
    /// # Errors
    /// The API's 404 for a model that is not in the list.
    pub(crate) fn get(&self, id: &str) -> Result<&Model, Refusal> {
        let is_meant = |model: &&Model| {
            model.id == id || without_date(&model.id) == id || model.id == without_date(id)
        };
        let model = self.0.iter().find(is_meant);
        model.ok_or_else(|| Refusal::not_found(format!("model: {id}")))
    }

    /// One page, as the query asks for it: `limit`, `after_id`, `before_id`.
    ///
    /// # Errors
    /// A 400 for a limit that is none, or for an id that is not in the list.
    pub(crate) fn page(&self, query: &str) -> Result<Page<'_>, Refusal> {
        let field = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
        };
        let limit = match field("limit").map(|(_, value)| value.parse()) {
            None => PAGE,
            Some(Ok(limit @ 1..=PAGE_MOST)) => limit,
            Some(_) => {
                return Err(Refusal::bad_request(format!(
                    "limit: must be between 1 and {PAGE_MOST}"
                )));
            }
        };
        let position = |name: &str| {
            let Some((_, id)) = field(name) else {
                return Ok(None);
            };
            let position = self.0.iter().position(|model| model.id == id);
            position
                .map(Some)
                .ok_or_else(|| Refusal::bad_request(format!("{name}: no such model")))
        };
        let end = position("before_id")?.unwrap_or(self.0.len());
        let start = match position("after_id")? {
            Some(after) => after + 1,
            None if end < self.0.len() => end.saturating_sub(limit),
            None => 0,
        };
        let list = self.0.get(start..end).unwrap_or_default();
        let data = list.get(..limit).unwrap_or(list);
        Ok(Page {
            data,
            has_more: data.len() < list.len() || (end < self.0.len() && start > 0),
            first_id: data.first().map(|model| model.id.as_str()),
            last_id: data.last().map(|model| model.id.as_str()),
        })
    }
}

/// The id without a date behind it: `claude-haiku-4-5-20251001` is `claude-haiku-4-5`.
fn without_date(id: &str) -> &str {
    match id.rsplit_once('-') {
        Some((name, date)) if date.len() == 8 && date.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => id,
    }
}

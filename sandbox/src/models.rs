//! Models of the sandbox: those of the price table, listed in pages as the API does (docs/facts.md#endpoints).

use keyreeve_core::price::PriceTable;
use serde::Serialize;

use crate::errors::ApiError;

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
pub(crate) struct ModelsPage<'a> {
    data: &'a [Model],
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

/// `created_at` of all models: the price table has no dates.
const CREATED_AT: &str = "2026-01-01T00:00:00Z";
/// Default page size, without a `limit`.
const DEFAULT_PAGE_SIZE: usize = 20;
/// Maximum page size.
const MAX_PAGE_SIZE: usize = 1_000;

impl Models {
    /// Returns the models of keyreeve's embedded price table.
    pub(crate) fn from_price_table() -> Self {
        let table = PriceTable::embedded();
        let model = |(id, name): (&str, &str)| Model {
            r#type: "model",
            id: id.to_owned(),
            display_name: name.to_owned(),
            created_at: CREATED_AT,
        };
        Self(table.models().map(model).collect())
    }

    /// Finds a model by its id. A date suffix may be missing, or be added to an id that has none.
    ///
    /// # Errors
    /// The API's 404 for an unknown model.
    pub(crate) fn get(&self, id: &str) -> Result<&Model, ApiError> {
        let matches = |model: &&Model| {
            model.id == id || without_date(&model.id) == id || model.id == without_date(id)
        };
        let model = self.0.iter().find(matches);
        model.ok_or_else(|| ApiError::not_found(format!("model: {id}")))
    }

    /// Returns the page that the query requests with `limit`, `after_id` and `before_id`.
    ///
    /// # Errors
    /// A 400 for an invalid limit or an unknown id.
    pub(crate) fn list_page(&self, query: &str) -> Result<ModelsPage<'_>, ApiError> {
        let field = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
        };
        let limit = match field("limit").map(|(_, value)| value.parse()) {
            None => DEFAULT_PAGE_SIZE,
            Some(Ok(limit @ 1..=MAX_PAGE_SIZE)) => limit,
            Some(_) => {
                return Err(ApiError::bad_request(format!(
                    "limit: must be between 1 and {MAX_PAGE_SIZE}"
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
                .ok_or_else(|| ApiError::bad_request(format!("{name}: no such model")))
        };
        let end = position("before_id")?.unwrap_or(self.0.len());
        let start = match position("after_id")? {
            Some(after) => after + 1,
            None if end < self.0.len() => end.saturating_sub(limit),
            None => 0,
        };
        let list = self.0.get(start..end).unwrap_or_default();
        let data = list.get(..limit).unwrap_or(list);
        Ok(ModelsPage {
            data,
            has_more: data.len() < list.len() || (end < self.0.len() && start > 0),
            first_id: data.first().map(|model| model.id.as_str()),
            last_id: data.last().map(|model| model.id.as_str()),
        })
    }
}

/// Returns the id without its date suffix: `claude-haiku-4-5-20251001` is `claude-haiku-4-5`.
fn without_date(id: &str) -> &str {
    match id.rsplit_once('-') {
        Some((name, date)) if date.len() == 8 && date.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => id,
    }
}

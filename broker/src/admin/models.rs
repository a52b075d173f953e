//! The model of a request that the owner makes, or of a client's settings, if none is named.

use keyreeve_core::price::PriceTable;
use keyreeve_core::virtual_key::{ModelPattern, VirtualKey};

/// The model of a question if none is named or configured.
const QUESTION_MODEL: &str = "claude-sonnet-5-5";
/// A cheap model, for keys that may use any.
const EXAMPLE_MODEL: &str = "claude-haiku-5-5";

/// The model named in a client's settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientModel<'a> {
    /// The configured model, set in every client that supports it.
    Configured(&'a str),
    /// An example, for a request that must name a model.
    Example(&'a str),
}

impl ClientModel<'static> {
    /// The fallback.
    pub const DEFAULT: Self = Self::Example(EXAMPLE_MODEL);
}

impl<'a> ClientModel<'a> {
    /// Returns a model that a key may use: the configured one, else the example, else the first one in the price table,
    /// else the first one that the key names without wildcards.
    pub fn for_key(
        key: &'a VirtualKey,
        configured: Option<&'a str>,
        prices: &'a PriceTable,
    ) -> Self {
        if let Some(model) = configured.filter(|model| key.allows_model(model)) {
            return Self::Configured(model);
        }
        let named = key.models.iter().map(ModelPattern::as_str);
        [EXAMPLE_MODEL]
            .into_iter()
            .chain(prices.models().map(|(id, _)| id))
            .chain(named.filter(|model| !model.contains(['*', '?'])))
            .find(|model| key.allows_model(model))
            .map_or(ClientModel::DEFAULT, Self::Example)
    }

    /// Returns the name of the model.
    pub fn name(self) -> &'a str {
        match self {
            Self::Configured(name) | Self::Example(name) => name,
        }
    }
}

/// Returns the model of a question: the named one, else the configured one, else one for everyday use.
pub fn question_model<'a>(named: Option<&'a str>, configured: Option<&'a str>) -> &'a str {
    named.or(configured).unwrap_or(QUESTION_MODEL)
}

/// Returns the model of a credential check: the named one, else the configured one, else the cheapest one.
pub fn check_model(
    named: Option<String>,
    configured: Option<String>,
    prices: &PriceTable,
) -> String {
    named
        .or(configured)
        .unwrap_or_else(|| prices.cheapest().to_owned())
}

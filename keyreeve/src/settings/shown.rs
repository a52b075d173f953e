//! The settings as `config show` lists them.

use std::borrow::Cow;
use std::path::PathBuf;

use keyreeve_core::cache_ttl::Ttl;

use super::values::{durability_name, place_name};
use super::{
    ALLOWED_HOSTS, BODY_BUDGET, CA_FILE, DEFAULT_MODEL, DURABILITY, LISTEN, LOG, Layer, MIB,
    PASS_THROUGH, PRICES_FILE, Passing, Setting, Settings, THROTTLE_WAIT, models,
};

/// A setting as `config show` lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// Its key in the file.
    pub(crate) key: Cow<'static, str>,
    /// Its variable.
    pub(crate) variable: Option<&'static str>,
    /// Its argument.
    pub(crate) flag: Option<&'static str>,
    /// What holds.
    pub(crate) value: String,
    /// Where that came from.
    pub(crate) from: Layer,
}

impl Settings {
    /// Each setting's name, value and where that came from, for `config show`.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let list = |words: Vec<String>| {
            if words.is_empty() {
                "none".to_owned()
            } else {
                words.join(", ")
            }
        };
        let file = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(|| "none".to_owned(), |path| path.display().to_string())
        };
        let with_layers = [
            (LISTEN, place_name(self.listen.value), self.listen.from),
            (
                ALLOWED_HOSTS,
                list(self.allowed_hosts.value.clone()),
                self.allowed_hosts.from,
            ),
            (
                BODY_BUDGET,
                (self.body_budget.value / MIB).to_string(),
                self.body_budget.from,
            ),
            (
                THROTTLE_WAIT,
                self.throttle_wait.value.as_secs().to_string(),
                self.throttle_wait.from,
            ),
            (
                PASS_THROUGH,
                (self.pass_through.value == Passing::On).to_string(),
                self.pass_through.from,
            ),
            (CA_FILE, file(&self.ca_file.value), self.ca_file.from),
            (
                PRICES_FILE,
                file(&self.prices_file.value),
                self.prices_file.from,
            ),
            (
                DURABILITY,
                durability_name(self.durability.value).to_owned(),
                self.durability.from,
            ),
            (LOG, self.log.value.name().to_owned(), self.log.from),
            (
                DEFAULT_MODEL,
                self.default_model
                    .value
                    .clone()
                    .unwrap_or_else(|| "none".to_owned()),
                self.default_model.from,
            ),
        ];
        let of_models = self.cache_ttl.iter().map(Shown::of_model);
        let with_layers = with_layers.into_iter().map(Shown::of);
        with_layers.chain(of_models).collect()
    }
}

impl Shown {
    fn of((setting, value, from): (Setting, String, Layer)) -> Self {
        Self {
            key: setting.key.into(),
            variable: setting.variable,
            flag: setting.flag,
            value,
            from,
        }
    }

    fn of_model((glob, ttl): &(String, Ttl)) -> Self {
        Self {
            key: models::cache_ttl_of(glob).into(),
            variable: None,
            flag: None,
            value: ttl.to_string(),
            from: Layer::File("models"),
        }
    }
}

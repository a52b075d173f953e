//! The settings as `config show` lists them.

use std::borrow::Cow;
use std::path::PathBuf;

use keyreeve_core::cache_ttl::Ttl;

use super::values::{durability_name, place_name};
use super::{
    ALLOWED_HOSTS, BODY_BUDGET, CA_FILE, DEFAULT_MODEL, DURABILITY, LISTEN, LOG, Layer, MIB,
    PASS_THROUGH, PRICES_FILE, Passing, Setting, Settings, Sourced, THROTTLE_WAIT, models,
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
        let none = || "none".to_owned();
        let file = |path: &Option<PathBuf>| {
            let path = path.as_ref();
            path.map_or_else(none, |path| path.display().to_string())
        };
        let list = |words: &Vec<String>| match words.as_slice() {
            [] => none(),
            words => words.join(", "),
        };
        let with_layers = [
            Shown::of(LISTEN, &self.listen, |at| place_name(*at)),
            Shown::of(ALLOWED_HOSTS, &self.allowed_hosts, list),
            Shown::of(BODY_BUDGET, &self.body_budget, |bytes| {
                (bytes / MIB).to_string()
            }),
            Shown::of(THROTTLE_WAIT, &self.throttle_wait, |wait| {
                wait.as_secs().to_string()
            }),
            Shown::of(PASS_THROUGH, &self.pass_through, |passing| {
                (*passing == Passing::On).to_string()
            }),
            Shown::of(CA_FILE, &self.ca_file, file),
            Shown::of(PRICES_FILE, &self.prices_file, file),
            Shown::of(DURABILITY, &self.durability, |durability| {
                durability_name(*durability).to_owned()
            }),
            Shown::of(LOG, &self.log, |level| level.name().to_owned()),
            Shown::of(DEFAULT_MODEL, &self.default_model, |model| {
                model.clone().unwrap_or_else(none)
            }),
        ];
        let of_models = self.cache_ttl.iter().map(Shown::of_model);
        with_layers.into_iter().chain(of_models).collect()
    }
}

impl Shown {
    fn of<T>(setting: Setting, sourced: &Sourced<T>, named: impl Fn(&T) -> String) -> Self {
        Self {
            key: setting.key.into(),
            variable: setting.variable,
            flag: setting.flag,
            value: named(&sourced.value),
            from: sourced.from,
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

//! Settings as `config show` lists them.

use std::borrow::Cow;
use std::path::PathBuf;

use keyreeve_core::cache_ttl::Ttl;

use super::values::{durability_name, listen_name};
use super::{
    ALLOWED_HOSTS, BODY_BUDGET, CA_FILE, DEFAULT_MODEL, DETAIL_DAYS, DURABILITY, LISTEN, LOG,
    LOG_FORMAT, Layer, MIB, PASS_THROUGH, PRICES_FILE, PassThroughMode, ROLLUP_DAYS, Setting,
    Settings, Sourced, THROTTLE_WAIT, WORKERS, models,
};

/// A setting with its value and source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingValue {
    /// Key in the file.
    pub(crate) key: Cow<'static, str>,
    /// Environment variable.
    pub(crate) variable: Option<&'static str>,
    /// Flag.
    pub(crate) flag: Option<&'static str>,
    /// Effective value.
    pub(crate) value: String,
    /// Source of the value.
    pub(crate) from: Layer,
}

impl Settings {
    /// Returns every setting with its value and source.
    pub(crate) fn values(&self) -> Vec<SettingValue> {
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
            SettingValue::new(LISTEN, &self.listen, |listen| listen_name(*listen)),
            SettingValue::new(ALLOWED_HOSTS, &self.allowed_hosts, list),
            SettingValue::new(BODY_BUDGET, &self.body_budget, |bytes| {
                (bytes / MIB).to_string()
            }),
            SettingValue::new(WORKERS, &self.workers, |workers| {
                workers.map_or("one per core".to_owned(), |workers| workers.to_string())
            }),
            SettingValue::new(THROTTLE_WAIT, &self.throttle_wait, |wait| {
                wait.as_secs().to_string()
            }),
            SettingValue::new(PASS_THROUGH, &self.pass_through, |mode| {
                (*mode == PassThroughMode::On).to_string()
            }),
            SettingValue::new(CA_FILE, &self.ca_file, file),
            SettingValue::new(PRICES_FILE, &self.prices_file, file),
            SettingValue::new(DURABILITY, &self.durability, |durability| {
                durability_name(*durability).to_owned()
            }),
            SettingValue::new(DETAIL_DAYS, &self.detail_days, u32::to_string),
            SettingValue::new(ROLLUP_DAYS, &self.rollup_days, u32::to_string),
            SettingValue::new(LOG, &self.log, |level| level.name().to_owned()),
            SettingValue::new(LOG_FORMAT, &self.log_format, |format| {
                format.name().to_owned()
            }),
            SettingValue::new(DEFAULT_MODEL, &self.default_model, |model| {
                model.clone().unwrap_or_else(none)
            }),
        ];
        let models = self.cache_ttl.iter().map(SettingValue::for_model);
        with_layers.into_iter().chain(models).collect()
    }
}

impl SettingValue {
    fn new<T>(setting: Setting, sourced: &Sourced<T>, format: impl Fn(&T) -> String) -> Self {
        Self {
            key: setting.key.into(),
            variable: setting.variable,
            flag: setting.flag,
            value: format(&sourced.value),
            from: sourced.from,
        }
    }

    fn for_model((glob, ttl): &(String, Ttl)) -> Self {
        Self {
            key: models::cache_ttl_key(glob).into(),
            variable: None,
            flag: None,
            value: ttl.to_string(),
            from: Layer::File("models"),
        }
    }
}

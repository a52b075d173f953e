//! Model settings: the default model, and the settings of each model.
//!
//! Invariant: the default model's name needs no escaping in a quoted shell word or in JSON.

use std::collections::BTreeMap;

use keyreeve_core::cache_ttl::Ttl;

use super::layers::Layers;
use crate::args::is_model_glob;
use crate::config::{ModelSection, dotted_key};
use crate::problem::{Problem, redact_keys};

/// Parses the cache lifetimes by model pattern, in alphabetical order.
pub(super) fn cache_ttls(
    models: &BTreeMap<String, ModelSection>,
    layers: &mut Layers,
) -> Vec<(String, Ttl)> {
    let mut ttls = Vec::new();
    for (glob, model) in models {
        if !is_model_glob(glob) {
            let key = redact_keys(dotted_key(&["models", glob]));
            layers.add(Problem::key(
                &key,
                "is not a model name or a pattern with * and ?",
            ));
            continue;
        }
        let Some(word) = &model.cache_ttl else {
            continue;
        };
        if let Some(ttl) = Ttl::parse(word) {
            ttls.push((glob.clone(), ttl));
        } else {
            let text = redact_keys(format!("must be 5m or 1h, not `{word}`"));
            layers.add(Problem::key(&cache_ttl_key(glob), text));
        }
    }
    ttls
}

/// Returns the key of a model's cache lifetime in the file.
pub(super) fn cache_ttl_key(glob: &str) -> String {
    dotted_key(&["models", glob, "cache_ttl"])
}

/// Parses the model to use if none is named.
pub(super) fn parse_default_model(word: &str) -> Result<Option<String>, String> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._:@/[]".contains(&c);
    if word.len() <= 128 && word.bytes().all(fits) && is_model_glob(word) {
        Ok(Some(word.to_owned()))
    } else {
        Err("a model name".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_os::environment::Environment;

    use super::*;
    use crate::settings::{Flags, Layer, Settings, Sourced};

    fn resolve(file: &str) -> Result<Settings, Vec<String>> {
        let file = crate::config::read(file).0;
        let nothing = Environment::from_pairs([("", ""); 0]);
        Settings::resolve(&Flags::default(), &nothing, &file)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn model_settings_are_validated() {
        let key = ["sk-ant-", "api03-", &"A".repeat(93), "AA"].concat();
        let file = format!(
            "default_model = \"it's\"\n[models.'claude-*']\ncache_ttl = '2h'\n[models.'a b']\ncache_ttl = '1h'\n\
             [models.\"claude-opus-4.5\"]\ncache_ttl = '{key}'\n[models.'{key}']\n[models.b]\n"
        );
        assert_eq!(
            resolve(&file).unwrap_err(),
            [
                "`default_model` must be a model name, not `it's`",
                "`models.\"a b\"` is not a model name or a pattern with * and ?",
                "`models.\"claude-*\".cache_ttl` must be 5m or 1h, not `2h`",
                "`models.\"claude-opus-4.5\".cache_ttl`: (hidden, because it looks like a key)",
                "`(hidden, because it looks like a key)` is not a model name or a pattern with * and ?",
            ]
        );
        let file = "default_model = 'claude-haiku-5-5'\n[models.'*']\ncache_ttl = '5m'\n[models.'claude-opus-?']\ncache_ttl = '1h'";
        let settings = resolve(file).unwrap();
        let expected = [("*", Ttl::FiveMinutes), ("claude-opus-?", Ttl::OneHour)];
        let expected = expected.map(|(glob, ttl)| (glob.to_owned(), ttl));
        assert_eq!(settings.cache_ttl, expected);
        assert_eq!(
            settings.default_model,
            Sourced {
                value: Some("claude-haiku-5-5".to_owned()),
                from: Layer::File("default_model"),
            }
        );
        let listen = resolve(&format!("[serve]\nlisten = '{key}'")).unwrap_err();
        assert!(!listen.concat().contains("AAAA"), "{listen:?}");
    }
}

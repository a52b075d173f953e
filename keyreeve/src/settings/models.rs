//! What the configuration says of models: which one is asked where none is named, and what holds for each.
//!
//! Invariant: the default model's name can stand in a shell line, within quotes, and in JSON as it is.

use std::collections::BTreeMap;

use keyreeve_core::cache_ttl::Ttl;

use super::layers::Layers;
use super::{Problem, without_keys};
use crate::config::{Model, dotted};

/// Lifetimes of caches by globs of models, in the order of the alphabet.
pub(super) fn cache_ttls(
    models: &BTreeMap<String, Model>,
    layers: &mut Layers,
) -> Vec<(String, Ttl)> {
    let mut ttls = Vec::new();
    for (glob, model) in models {
        if !is_glob(glob) {
            let place = without_keys(dotted(&["models", glob]));
            layers.add(Problem::of_key(&place, "is not a model's name with * or ?"));
            continue;
        }
        let Some(word) = &model.cache_ttl else {
            continue;
        };
        if let Some(ttl) = Ttl::of(word) {
            ttls.push((glob.clone(), ttl));
        } else {
            let text = without_keys(format!("`{word}` must be 5m or 1h"));
            layers.add(Problem::of_key(&cache_ttl_of(glob), text));
        }
    }
    ttls
}

/// The setting's key in the file.
pub(super) fn cache_ttl_of(glob: &str) -> String {
    dotted(&["models", glob, "cache_ttl"])
}

/// The model that is asked where none is named.
pub(super) fn default_model(word: &str) -> Result<Option<String>, String> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._:@/[]".contains(&c);
    if word.len() <= 128 && word.bytes().all(fits) && is_glob(word) {
        Ok(Some(word.to_owned()))
    } else {
        Err("is no model's name".to_owned())
    }
}

/// Whether a word can be the name of a model, or a glob of such names. A key is none.
pub(super) fn is_glob(word: &str) -> bool {
    let fits = !word.is_empty() && word.len() <= 128 && word.bytes().all(|c| c.is_ascii_graphic());
    fits && !keyreeve_core::token::looks_like_a_key(word)
}

#[cfg(test)]
mod tests {
    use keyreeve_core::snapshot::Environment;

    use super::*;
    use crate::settings::{Flags, Layer, Settings, Sourced};

    fn resolve(file: &str) -> Result<Settings, Vec<String>> {
        let file = crate::config::read(file).0;
        let nothing = Environment::from_pairs([("", ""); 0]);
        Settings::resolve(&Flags::default(), &nothing, &file)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_said_of_models_is_judged() {
        let key = ["sk-ant-", "api03-", &"A".repeat(93), "AA"].concat();
        let file = format!(
            "default_model = \"it's\"\n[models.'claude-*']\ncache_ttl = '2h'\n[models.'a b']\ncache_ttl = '1h'\n\
             [models.\"claude-opus-4.5\"]\ncache_ttl = '{key}'\n[models.'{key}']\n[models.b]\n"
        );
        assert_eq!(
            resolve(&file).unwrap_err(),
            [
                "`default_model`: `it's` is no model's name",
                "`models.\"a b\"`: is not a model's name with * or ?",
                "`models.\"claude-*\".cache_ttl`: `2h` must be 5m or 1h",
                "`models.\"claude-opus-4.5\".cache_ttl`: something that looks like a key stands where it cannot",
                "`something that looks like a key stands where it cannot`: is not a model's name with * or ?",
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

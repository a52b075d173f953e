//! The configuration file: its structure, its published schema, and a parser that reports all problems at once.
//!
//! Invariants: the file contains no secret; an unknown key is a problem, never ignored; no problem quotes a value that looks
//! like a key. [`crate::settings`] interprets the values.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::{Problem, redact_keys};

/// `config.toml` in keyreeve's configuration directory. Precedence: flag, `KEYREEVE_*` variable, this file, default.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "keyreeve configuration")]
pub(crate) struct ConfigFile {
    /// The gateway.
    pub(crate) serve: ServeSection,
    /// Connections to upstreams.
    pub(crate) upstream: UpstreamSection,
    /// Prices of requests.
    pub(crate) prices: PricesSection,
    /// The ledger.
    pub(crate) ledger: LedgerSection,
    /// Logs of `serve`.
    pub(crate) log: LogSection,
    /// Model of `ask`, `check` and the settings of `connect` if none is named. Default: `claude-sonnet-5-5` for `ask`, the
    /// cheapest for `check`.
    pub(crate) default_model: Option<String>,
    /// Settings for requests by model, as a name or a pattern with `*` and `?`. An exact name takes precedence over patterns,
    /// and a longer pattern over a shorter one.
    pub(crate) models: BTreeMap<String, ModelSection>,
}

/// `[models."claude-opus-5-5"]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelSection {
    /// Lifetime to write into the `cache_control` markers of a request: `"5m"` or `"1h"`. Applies only to requests with an
    /// API key. Default: markers stay unchanged.
    pub(crate) cache_ttl: Option<String>,
}

/// `[serve]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeSection {
    /// Address to listen on: a loopback address and a port, or `localhost` and a port for both `127.0.0.1` and `[::1]`.
    /// Default: `"localhost:8484"`.
    pub(crate) listen: Option<String>,
    /// Names allowed in a request's `Host` besides `localhost`, `127.0.0.1` and `[::1]`. Default: none.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// Maximum size of all request bodies in memory, in MiB: 32 to 65536. Default: 256.
    pub(crate) body_budget_mib: Option<u64>,
    /// Number of threads that serve connections: 1 to 64. Default: one per core.
    pub(crate) workers: Option<u64>,
    /// Maximum seconds that a request waits for a rate limit to reset, if that is better than an error or another profile:
    /// 0 (never wait) to 60. Default: 5.
    pub(crate) throttle_wait_seconds: Option<u64>,
    /// Lets clients use their own login through `/passthrough`, with a virtual key in `x-keyreeve-key`. Their requests go
    /// unchanged to <https://api.anthropic.com>. Only this file or a flag can turn it on, no variable. Default: `false`.
    pub(crate) pass_through: Option<bool>,
}

/// `[upstream]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamSection {
    /// Absolute path of a PEM file with additional root certificates. Only this file can set it, no variable or flag.
    pub(crate) ca_file: Option<String>,
}

/// `[prices]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PricesSection {
    /// Absolute path of a JSON price table that replaces the built-in one.
    pub(crate) file: Option<String>,
}

/// `[ledger]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LedgerSection {
    /// `"local"`: entries survive a killed process. `"strict"`: they also survive a power failure. Default: `"local"`.
    pub(crate) durability: Option<String>,
    /// Days that single attempts are kept: 1 to 36500. Default: 90.
    pub(crate) detail_days: Option<u64>,
    /// Days that the sums of attempts are kept: 1 to 36500, and at least as long as attempts. Default: 400.
    pub(crate) rollup_days: Option<u64>,
}

/// `[log]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSection {
    /// `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`. Default: `"info"`.
    pub(crate) level: Option<String>,
    /// `"text"`, or `"json"`: one object on each line. Default: `"text"`.
    pub(crate) format: Option<String>,
}

/// Returns the JSON Schema of the file.
pub(crate) fn schema() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<ConfigFile>()
}

/// Parses the file's text. Returns its valid part and all problems: a syntax error, or all unknown keys and all values of a
/// wrong type.
pub(crate) fn read(text: &str) -> (ConfigFile, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return (ConfigFile::default(), vec![syntax_problem(text, &error)]),
    };
    remove_unknown(
        &mut Vec::new(),
        &mut table,
        schema().as_value(),
        &mut problems,
    );
    loop {
        match serde_path_to_error::deserialize(toml::Value::Table(table.clone())) {
            Ok(file) => return (file, problems),
            Err(error) => {
                let keys = keys(error.path());
                let path = redact_keys(dotted_key(&keys));
                problems.push(Problem::key(&path, wrong_type(&error.into_inner())));
                if !remove(&mut table, &keys) {
                    return (ConfigFile::default(), problems);
                }
            }
        }
    }
}

/// Returns a syntax error with its line number, but without the line's text, which could contain a secret.
fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problem::key(
        &format!("line {line}"),
        redact_keys(error.message().to_owned()),
    )
}

/// Words the found and expected types for people.
fn wrong_type(error: &toml::de::Error) -> String {
    let words = [
        ("expected struct ", "a table"),
        ("expected a map", "a table"),
        ("expected u64", "a whole number from 0"),
        ("expected a boolean", "true or false"),
    ];
    let message = error.message();
    let reworded = words.iter().find_map(|(rust, plain)| {
        let (found, _) = message.split_once(rust)?;
        Some(format!("{found}expected {plain}"))
    });
    redact_keys(reworded.unwrap_or_else(|| message.to_owned()))
}

/// Returns the keys that lead to a value; for a list item, those of the list.
fn keys(path: &Path) -> Vec<String> {
    let key = |segment: &Segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().map_while(key).collect()
}

/// Returns a dotted key as written in the file, quoted where necessary.
pub(crate) fn dotted_key<K: AsRef<str>>(keys: &[K]) -> String {
    let is_bare = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let written = keys.iter().map(|key| match key.as_ref() {
        bare if !bare.is_empty() && bare.bytes().all(is_bare) => bare.to_owned(),
        quoted => format!("{quoted:?}"),
    });
    written.collect::<Vec<_>>().join(".")
}

/// Removes keys that are not in the schema, so that the rest can be checked, too.
fn remove_unknown(
    path: &mut Vec<String>,
    table: &mut toml::Table,
    schema: &Value,
    problems: &mut Vec<Problem>,
) {
    let known = schema.get("properties").and_then(Value::as_object);
    // A table with arbitrary keys has one schema for all values.
    let any = schema
        .get("additionalProperties")
        .filter(|shape| shape.is_object());
    table.retain(|key, value| {
        path.push(key.to_owned());
        let shape = known.and_then(|known| known.get(key)).or(any);
        match (shape, value) {
            (Some(shape), toml::Value::Table(inner)) => {
                remove_unknown(path, inner, shape, problems);
            }
            (Some(_), _) => {}
            (None, _) => {
                let known = known.into_iter().flat_map(serde_json::Map::keys);
                let full_key = redact_keys(dotted_key(path));
                problems.push(Problem::key(&full_key, unknown_setting(key, known)));
            }
        }
        path.pop();
        shape.is_some()
    });
}

fn unknown_setting<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> String {
    let nearest = known
        .map(|candidate| (strsim::jaro_winkler(key, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, candidate)) => format!("is not a setting. Did you mean `{candidate}`?"),
        None => "is not a setting".to_owned(),
    }
}

/// Removes the value at a dotted key. Returns `true` if there was one.
fn remove(table: &mut toml::Table, keys: &[String]) -> bool {
    let Some((head, rest)) = keys.split_first() else {
        return false;
    };
    match table.get_mut(head) {
        Some(toml::Value::Table(inner)) if !rest.is_empty() => remove(inner, rest),
        Some(_) | None => table.remove(head).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        read(text).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn complete_file_is_parsed() {
        let (file, problems) =
            read("[serve]\nlisten = '127.0.0.1:1'\n[ledger]\ndurability = 'strict'\n");
        assert_eq!(file.serve.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(file.ledger.durability.as_deref(), Some("strict"));
        assert_eq!(problems, []);
        assert_eq!(read(""), (ConfigFile::default(), Vec::new()));
    }

    #[test]
    fn valid_part_is_returned_with_the_problems() {
        let (file, problems) =
            read("sreve = 1\n[serve]\nlisten = '127.0.0.1:1'\nallowed_hosts = 5\n");
        assert_eq!(file.serve.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = "sreve = 1\n[serve]\nlisten = 5\nbody_budget_mib = 'x'\nallowed_host = []\n[log]\nlevel = []\n";
        assert_eq!(
            problems(text),
            [
                "`serve.allowed_host` is not a setting. Did you mean `allowed_hosts`?",
                "`sreve` is not a setting. Did you mean `serve`?",
                "`log.level`: invalid type: sequence, expected a string",
                "`serve.body_budget_mib`: invalid type: string \"x\", expected a whole number from 0",
                "`serve.listen`: invalid type: integer `5`, expected a string",
            ]
        );
    }

    #[test]
    fn model_tables_are_checked_like_others() {
        let text = "[models.'claude-*']\ncache_tl = '1h'\n[models.\"claude-opus-4.5\"]\ncache_ttl = 5\n\
                    [models]\nhaiku = '1h'\n[models.b]\ncache_ttl = 6\n";
        assert_eq!(
            problems(text),
            [
                "`models.\"claude-*\".cache_tl` is not a setting. Did you mean `cache_ttl`?",
                "`models.b.cache_ttl`: invalid type: integer `6`, expected a string",
                "`models.\"claude-opus-4.5\".cache_ttl`: invalid type: integer `5`, expected a string",
                "`models.haiku`: invalid type: string \"1h\", expected a table",
            ]
        );
    }

    #[test]
    fn syntax_error_has_a_line_number_but_no_text() {
        let found = problems("[serve]\nlisten = [hidden\n");
        assert!(found[0].starts_with("`line 2`"), "{found:?}");
        assert!(!found[0].contains("hidden"), "{found:?}");
    }

    #[test]
    fn keys_in_the_file_are_not_repeated() {
        let key = ["sk-ant-", "api03-", &"A".repeat(93), "AA"].concat();
        for text in [
            format!("\"{key}\" = 1"),
            format!("[models.'{key}']\ncache_ttl = 1"),
            format!("[models]\n'{key}' = 1"),
            format!("[models.'{key}']\ncache = 1"),
            format!("[log]\nlevel = 1\n[serve]\nlisten = '{key}'\n"),
        ] {
            assert!(!problems(&text).concat().contains("AAAA"), "{text}");
        }
    }
}

//! The configuration file: its shape, its published schema, and reading it with every problem found at once.
//!
//! Invariants: the file holds no secret; an unknown key is a problem, never ignored; no problem quotes a value that looks
//! like a key. What the values mean is decided in [`crate::settings`].

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::settings::{Problem, without_keys};

/// `config.toml` in keyreeve's configuration directory. Precedence: flag, then `KEYREEVE_*` variable, then this file, then
/// the default.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "keyreeve configuration")]
pub(crate) struct File {
    /// The gateway.
    pub(crate) serve: Serve,
    /// How upstreams are reached.
    pub(crate) upstream: Upstream,
    /// What requests cost.
    pub(crate) prices: Prices,
    /// The ledger.
    pub(crate) ledger: Ledger,
    /// What `serve` logs.
    pub(crate) log: Log,
    /// The model of `ask`, `check` and the settings of `connect` where none is named. Default: `ask` has `claude-sonnet-5-5`,
    /// `check` the cheapest.
    pub(crate) default_model: Option<String>,
    /// What holds for requests that ask for a model, by its name or by a glob with `*` and `?`. The name itself comes before
    /// any glob, a longer glob before a shorter one.
    pub(crate) models: BTreeMap<String, Model>,
}

/// `[models."claude-opus-5-5"]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Model {
    /// `"5m"` or `"1h"`: the lifetime that the gateway writes into the `cache_control` markers a request has. Only requests
    /// with an API key are edited. Default: they stay as the client wrote them.
    pub(crate) cache_ttl: Option<String>,
}

/// `[serve]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Serve {
    /// Where to listen: a loopback address and a port, or `localhost` and a port for `127.0.0.1` and `[::1]` both. Default:
    /// `"localhost:8484"`.
    pub(crate) listen: Option<String>,
    /// Names beyond `localhost`, `127.0.0.1` and `[::1]` that a request's `Host` may have. Default: none.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// How much all request bodies in work may hold together, in MiB: 32 to 65536. Default: 256.
    pub(crate) body_budget_mib: Option<u64>,
    /// How many seconds a request may wait for the end of a limit, where that serves it better than a refusal or a switch:
    /// 0 (not at all) to 60. Default: 5.
    pub(crate) throttle_wait_seconds: Option<u64>,
    /// Whether clients that sign in for themselves may talk through `/passthrough`, with a virtual key in `x-keyreeve-key`;
    /// what they send goes to <https://api.anthropic.com> as it came. Only this file and a flag can turn it on: no variable
    /// does. Default: `false`.
    pub(crate) pass_through: Option<bool>,
}

/// `[upstream]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Upstream {
    /// Absolute path of a PEM file of further root certificates. Only this file can name it: no variable and no flag does.
    pub(crate) ca_file: Option<String>,
}

/// `[prices]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Prices {
    /// Absolute path of a price table in JSON that replaces the built-in one.
    pub(crate) file: Option<String>,
}

/// `[ledger]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ledger {
    /// `"process"`: rows survive a killed process; `"strict"`: a power cut too. Default: `"process"`.
    pub(crate) durability: Option<String>,
}

/// `[log]`
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`. Default: `"info"`.
    pub(crate) level: Option<String>,
}

/// The JSON Schema of the file.
pub(crate) fn schema() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<File>()
}

/// Reads the file's text: what is understood of it, and every problem in it: bad syntax alone, or all unknown keys and
/// all values of a wrong type.
pub(crate) fn read(text: &str) -> (File, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return (File::default(), vec![syntax(text, &error)]),
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
                let path = without_keys(dotted(&keys));
                problems.push(Problem::of_key(&path, wrong_type(&error.into_inner())));
                if !remove(&mut table, &keys) {
                    return (File::default(), problems);
                }
            }
        }
    }
}

/// A syntax error has a line, but not the line's text: it could hold anything.
fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problem::of_key(
        &format!("line {line}"),
        without_keys(error.message().to_owned()),
    )
}

/// What was found and what belongs there, in a person's words.
fn wrong_type(error: &toml::de::Error) -> String {
    let words = [
        ("expected struct ", "a table"),
        ("expected a map", "a table"),
        ("expected u64", "a whole number from 0"),
        ("expected a boolean", "true or false"),
    ];
    let message = error.message();
    let told = words.iter().find_map(|(rust, person)| {
        let (found, _) = message.split_once(rust)?;
        Some(format!("{found}expected {person}"))
    });
    without_keys(told.unwrap_or_else(|| message.to_owned()))
}

/// The keys that lead to a value; one in a list has those of the list.
fn keys(path: &Path) -> Vec<String> {
    let key = |segment: &Segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().map_while(key).collect()
}

/// Keys as the file has them: quoted where they are not bare.
pub(crate) fn dotted<K: AsRef<str>>(keys: &[K]) -> String {
    let is_bare = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let written = keys.iter().map(|key| match key.as_ref() {
        bare if !bare.is_empty() && bare.bytes().all(is_bare) => bare.to_owned(),
        quoted => format!("{quoted:?}"),
    });
    written.collect::<Vec<_>>().join(".")
}

/// Takes out what the schema does not know, so that the rest can be judged too.
fn remove_unknown(
    path: &mut Vec<String>,
    table: &mut toml::Table,
    schema: &Value,
    problems: &mut Vec<Problem>,
) {
    let known = schema.get("properties").and_then(Value::as_object);
    // A table that takes any key has one shape for all their values.
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
                let place = without_keys(dotted(path));
                problems.push(Problem::of_key(&place, unknown(key, known)));
            }
        }
        path.pop();
        shape.is_some()
    });
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> String {
    let nearest = known
        .map(|candidate| (strsim::jaro_winkler(key, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, candidate)) => format!("there is no such setting; did you mean `{candidate}`?"),
        None => "there is no such setting".to_owned(),
    }
}

/// Removes the value at the end of these keys; says whether there was one.
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
    fn a_whole_file_is_read() {
        let (file, problems) =
            read("[serve]\nlisten = '127.0.0.1:1'\n[ledger]\ndurability = 'strict'\n");
        assert_eq!(file.serve.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(file.ledger.durability.as_deref(), Some("strict"));
        assert_eq!(problems, []);
        assert_eq!(read(""), (File::default(), Vec::new()));
    }

    #[test]
    fn what_is_understood_is_there_to_be_judged() {
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
                "`serve.allowed_host`: there is no such setting; did you mean `allowed_hosts`?",
                "`sreve`: there is no such setting; did you mean `serve`?",
                "`log.level`: invalid type: sequence, expected a string",
                "`serve.body_budget_mib`: invalid type: string \"x\", expected a whole number from 0",
                "`serve.listen`: invalid type: integer `5`, expected a string",
            ]
        );
    }

    #[test]
    fn a_table_of_any_keys_has_problems_like_any_other() {
        let text = "[models.'claude-*']\ncache_tl = '1h'\n[models.\"claude-opus-4.5\"]\ncache_ttl = 5\n\
                    [models]\nhaiku = '1h'\n[models.b]\ncache_ttl = 6\n";
        assert_eq!(
            problems(text),
            [
                "`models.\"claude-*\".cache_tl`: there is no such setting; did you mean `cache_ttl`?",
                "`models.b.cache_ttl`: invalid type: integer `6`, expected a string",
                "`models.\"claude-opus-4.5\".cache_ttl`: invalid type: integer `5`, expected a string",
                "`models.haiku`: invalid type: string \"1h\", expected a table",
            ]
        );
    }

    #[test]
    fn bad_syntax_names_the_line_and_not_its_text() {
        let found = problems("[serve]\nlisten = [hidden\n");
        assert!(found[0].starts_with("`line 2`"), "{found:?}");
        assert!(!found[0].contains("hidden"), "{found:?}");
    }

    #[test]
    fn a_key_in_the_file_is_not_repeated() {
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

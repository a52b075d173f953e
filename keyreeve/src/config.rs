//! The configuration file: its shape, its published schema, and reading it with every problem found at once.
//!
//! Invariants: the file holds no secret; an unknown key is a problem, never ignored; no problem quotes a value that looks
//! like a key. What the values mean is decided in [`crate::settings`].

use keyreeve_core::token::looks_like_a_key;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Problem;

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

/// Reads the file's text.
///
/// # Errors
/// Every problem in it: bad syntax alone, or all unknown keys and all values of a wrong type.
pub(crate) fn read(text: &str) -> Result<File, Vec<Problem>> {
    let mut table = text
        .parse::<toml::Table>()
        .map_err(|error| vec![syntax(text, &error)])?;
    let mut problems = Vec::new();
    remove_unknown("", &mut table, schema().as_value(), &mut problems);
    loop {
        match serde_path_to_error::deserialize(toml::Value::Table(table.clone())) {
            Ok(file) if problems.is_empty() => return Ok(file),
            Ok::<File, _>(_) => return Err(problems),
            Err(error) => {
                let path = error.path().to_string();
                problems.push(Problem::of_key(&path, wrong_type(&error.into_inner())));
                if !remove(&mut table, &path) {
                    return Err(problems);
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
    Problem::of_key(&format!("line {line}"), without_keys(error.message()))
}

fn wrong_type(error: &toml::de::Error) -> String {
    without_keys(error.message())
}

fn without_keys(message: &str) -> String {
    if looks_like_a_key(message) {
        return "something that looks like a key stands where it cannot".to_owned();
    }
    message.to_owned()
}

/// Takes out what the schema does not know, so that the rest can be judged too.
fn remove_unknown(
    path: &str,
    table: &mut toml::Table,
    schema: &Value,
    problems: &mut Vec<Problem>,
) {
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    table.retain(|key, value| {
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        match (known.get(key), value) {
            (Some(schema), toml::Value::Table(inner)) => {
                remove_unknown(&path, inner, schema, problems);
            }
            (Some(_), _) => {}
            (None, _) => {
                problems.push(Problem::of_key(
                    &without_keys(&path),
                    unknown(key, known.keys()),
                ));
                return false;
            }
        }
        true
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

/// Removes the value at a dotted path; says whether there was one.
fn remove(table: &mut toml::Table, path: &str) -> bool {
    match path.split_once('.') {
        None => table
            .remove(path.split('[').next().unwrap_or(path))
            .is_some(),
        Some((head, rest)) => match table.get_mut(head) {
            Some(toml::Value::Table(inner)) => remove(inner, rest),
            Some(_) | None => table.remove(head).is_some(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        read(text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_whole_file_is_read() {
        let file =
            read("[serve]\nlisten = '127.0.0.1:1'\n[ledger]\ndurability = 'strict'\n").unwrap();
        assert_eq!(file.serve.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(file.ledger.durability.as_deref(), Some("strict"));
        assert_eq!(read("").unwrap(), File::default());
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
                "`serve.body_budget_mib`: invalid type: string \"x\", expected u64",
                "`serve.listen`: invalid type: integer `5`, expected a string",
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
            format!("[log]\nlevel = 1\n[serve]\nlisten = '{key}'\n"),
        ] {
            assert!(!problems(&text).concat().contains("AAAA"), "{text}");
        }
    }
}

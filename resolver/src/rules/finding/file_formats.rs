//! Parses one line of a file that sets variables but is no shell script: TOML, a Dockerfile, `pam_env`, Nushell, the
//! universal variables of `fish` (docs/facts.md#variable-files).
//!
//! Invariant: it never fails; a line that is not understood is [`ShellCommand::Other`].

use keyreeve_core::token::contains_token;

use super::syntax::{self, AssignedValue, ShellCommand, Syntax, is_name, parse_value, sets};
use crate::rules::hidden_text::HiddenText;

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineFormat {
    /// Lines of a shell, of JSON or of YAML.
    Lines(Syntax),
    /// TOML: `NAME = "value"`.
    Toml,
    /// A Dockerfile: `ENV NAME=value`.
    Dockerfile,
    /// The universal variables of `fish`: `SETUVAR --export NAME:value`.
    FishVariables,
    /// Nushell: `$env.NAME = "value"`.
    Nu,
    /// `pam_env`: `NAME DEFAULT=value` or `NAME=value`.
    Pam,
}

/// Returns the commands of a line; empty if it is blank or a comment.
pub(super) fn commands(line: &str, format: LineFormat) -> Vec<ShellCommand> {
    let trimmed = line.trim();
    let is_comment = trimmed.is_empty() || trimmed.starts_with('#');
    match format {
        LineFormat::Lines(syntax) => syntax::commands(line, syntax),
        LineFormat::Toml
        | LineFormat::Dockerfile
        | LineFormat::FishVariables
        | LineFormat::Nu
        | LineFormat::Pam
            if is_comment =>
        {
            Vec::new()
        }
        LineFormat::Toml => vec![sets(pairs(trimmed, '='))],
        LineFormat::Dockerfile => dockerfile(trimmed),
        LineFormat::FishVariables => vec![fish_variable(trimmed)],
        LineFormat::Nu => vec![nu(trimmed)],
        LineFormat::Pam => pam(trimmed),
    }
}

/// Returns every `NAME = "value"` of a line, also inside `{ … }`.
fn pairs(line: &str, separator: char) -> Vec<(String, AssignedValue)> {
    let is_boundary = |c: char| matches!(c, '{' | '}' | ',' | '[' | ']');
    line.split(is_boundary)
        .filter_map(|part| {
            let (name, value) = part.split_once(separator)?;
            let name = name.trim().trim_matches(['"', '\'']);
            let name = name.strip_prefix("env.").unwrap_or(name);
            is_name(name).then(|| (name.to_owned(), parse_value(value)))
        })
        .collect()
}

fn dockerfile(line: &str) -> Vec<ShellCommand> {
    let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_end_matches('\\').trim();
    match instruction.to_ascii_uppercase().as_str() {
        "ENV" | "ARG" => {
            let first = rest.split_whitespace().next().unwrap_or_default();
            match rest.split_once(char::is_whitespace) {
                // The old form: `ENV NAME value`.
                Some((name, value)) if !first.contains('=') && is_name(name) => {
                    vec![sets(vec![(name.to_owned(), parse_value(value))])]
                }
                Some(_) | None => syntax::commands(rest, Syntax::Posix),
            }
        }
        "RUN" => syntax::commands(rest, Syntax::Posix),
        // Also the second line of an `ENV` that is continued.
        _ => syntax::commands(line.trim_end_matches('\\'), Syntax::Posix),
    }
}

fn fish_variable(line: &str) -> ShellCommand {
    let Some(rest) = line.strip_prefix("SETUVAR ") else {
        return ShellCommand::Other;
    };
    let declaration = rest.split_whitespace().find(|word| !word.starts_with("--"));
    match declaration.and_then(|word| word.split_once(':')) {
        Some((name, value)) if is_name(name) => {
            let text = unescape(value);
            // A variable that is not exported matters only for the key in it.
            if !rest.contains("--export") && !contains_token(&text) {
                return ShellCommand::Other;
            }
            sets(vec![(
                name.to_owned(),
                AssignedValue::Literal(HiddenText::new(text)),
            )])
        }
        Some(_) | None => ShellCommand::Other,
    }
}

/// Replaces `\xHH` and `\uHHHH`, by which `fish` writes everything but letters, digits and underscores.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let digits = match after.as_bytes().first() {
            Some(b'x' | b'X') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            Some(_) | None => 0,
        };
        let code = after.get(1..=digits).filter(|_| digits > 0);
        let character = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        if let Some(character) = character {
            text.push(character);
            rest = after.get(1 + digits..).unwrap_or_default();
        } else {
            text.push('\\');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

fn nu(line: &str) -> ShellCommand {
    let line = line.split(" #").next().unwrap_or(line);
    if let Some(rest) = line.strip_prefix("$env.") {
        return sets(pairs(rest, '='));
    }
    if let Some(rest) = line.strip_prefix("let-env ") {
        return sets(pairs(rest, '='));
    }
    // `load-env { NAME: "value" }`, on one line or on several.
    sets(pairs(line.strip_prefix("load-env").unwrap_or(line), ':'))
}

fn pam(line: &str) -> Vec<ShellCommand> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if name.contains('=') || !is_name(name) {
        return syntax::commands(line, Syntax::Posix);
    }
    let value = ["OVERRIDE=", "DEFAULT="]
        .into_iter()
        .find_map(|option| rest.split_once(option))
        .map_or("", |(_, value)| value);
    vec![sets(vec![(name.to_owned(), parse_value(value))])]
}

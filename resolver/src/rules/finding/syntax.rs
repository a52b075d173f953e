//! Parses one line of a shell file, a settings file or a CI file, as far as assignments are concerned.
//!
//! This is not a shell: anything it cannot interpret is [`ShellCommand::Other`] or [`AssignedValue::Computed`].
//! Invariant: it never fails.

use super::lexer::Word;
use crate::rules::hidden_text::HiddenText;

/// The syntax of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Syntax {
    /// `sh`, `bash`, `zsh`, and files of `NAME=value`.
    Posix,
    /// `fish`
    Fish,
    /// PowerShell
    PowerShell,
    /// JSON, also with comments: `"NAME": "value"`.
    Json,
    /// YAML with shell lines: `NAME: value`.
    Yaml,
}

/// One command of a line.
pub(super) enum ShellCommand {
    /// It only sets variables.
    Sets(Vec<(String, AssignedValue)>),
    /// It unsets variables.
    Unsets(Vec<String>),
    /// Any other command.
    Other,
}

/// The value of an assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AssignedValue {
    /// Literal text.
    Literal(HiddenText),
    /// A value that is known only when the line runs.
    Computed,
    /// The variable is unset.
    Unset,
}

/// Returns the commands of a line; empty if it is blank or a comment.
pub(super) fn commands(line: &str, syntax: Syntax) -> Vec<ShellCommand> {
    match syntax {
        Syntax::Json => parse_json_pairs(line),
        Syntax::Yaml => {
            parse_yaml_entry(line).map_or_else(|| commands(line, Syntax::Posix), |it| vec![it])
        }
        Syntax::PowerShell if assigns_in_power_shell(line) => vec![parse_power_shell(line)],
        Syntax::Posix | Syntax::Fish | Syntax::PowerShell => split_commands(line)
            .iter()
            .filter(|words| !is_no_op(words))
            .map(|words| command(words, syntax))
            .collect(),
    }
}

pub(super) fn command(words: &[Word], syntax: Syntax) -> ShellCommand {
    // These may precede a command on the same line.
    let is_opening =
        |word: &&Word| matches!(word.text.as_str(), "then" | "do" | "else" | "{" | "-");
    let words = match words.first() {
        Some(first) if is_opening(&first) => &words[1..],
        _ => words,
    };
    let Some((first, rest)) = words.split_first() else {
        return ShellCommand::Other;
    };
    let operands = || rest.iter().filter(|word| !word.text.starts_with('-'));
    match first.text.as_str() {
        "export" | "declare" | "typeset" | "readonly" | "local" => {
            let all: Vec<_> = operands().filter_map(parse_assignment).collect();
            sets(all)
        }
        "unset" => ShellCommand::Unsets(operands().map(|word| word.text.clone()).collect()),
        "set" if syntax == Syntax::Fish => parse_fish_set(rest),
        "setx" | "setenv" => parse_name_and_value(&operands().collect::<Vec<_>>()),
        _ => {
            let all: Vec<_> = words.iter().map_while(parse_assignment).collect();
            if all.len() == words.len() {
                sets(all)
            } else {
                ShellCommand::Other
            }
        }
    }
}

/// Returns `true` for `:`, which precedes a line that was commented out in a block.
pub(super) fn is_no_op(words: &[Word]) -> bool {
    matches!(words, [word] if word.text == ":")
}

pub(super) fn sets(all: Vec<(String, AssignedValue)>) -> ShellCommand {
    if all.is_empty() {
        ShellCommand::Other
    } else {
        ShellCommand::Sets(all)
    }
}

fn parse_fish_set(rest: &[Word]) -> ShellCommand {
    let is_erase = |word: &Word| match word.text.strip_prefix("--") {
        Some(long) => long == "erase",
        None => word.text.starts_with('-') && word.text.contains('e'),
    };
    let (flags, operands): (Vec<_>, Vec<_>) =
        rest.iter().partition(|word| word.text.starts_with('-'));
    if flags.into_iter().any(is_erase) {
        return ShellCommand::Unsets(operands.into_iter().map(|word| word.text.clone()).collect());
    }
    parse_name_and_value(&operands)
}

/// Parses `NAME value`.
pub(super) fn parse_name_and_value(operands: &[&Word]) -> ShellCommand {
    match operands {
        [name, value] if is_name(&name.text) => {
            ShellCommand::Sets(vec![(name.text.clone(), word_value(value))])
        }
        _ => ShellCommand::Other,
    }
}

/// Parses `NAME=value`.
fn parse_assignment(word: &Word) -> Option<(String, AssignedValue)> {
    let (name, value) = word.text.split_once('=')?;
    is_name(name).then(|| {
        let value = Word {
            text: value.to_owned(),
            computed: word.computed,
            ..Word::default()
        };
        (name.to_owned(), word_value(&value))
    })
}

fn word_value(word: &Word) -> AssignedValue {
    if word.computed {
        AssignedValue::Computed
    } else {
        AssignedValue::Literal(HiddenText::new(word.text.clone()))
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Splits a line into commands and words, as shells do; stops at a comment.
fn split_commands(line: &str) -> Vec<Vec<Word>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let ends_word = quote.is_none() && (c.is_whitespace() || matches!(c, ';' | '&' | '|'));
        if ends_word {
            words.extend(word.take());
            if !c.is_whitespace() {
                all.push(std::mem::take(&mut words));
            }
            continue;
        }
        if quote.is_none() && c == '#' && word.is_none() {
            break;
        }
        let word = word.get_or_insert_with(Word::default);
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => word.text.extend(chars.next()),
            (None | Some('"'), '$' | '`') => {
                word.computed = true;
                word.text.push(c);
            }
            (_, c) => word.text.push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    if quote.is_some() {
        // The value continues on the next line, so this line cannot be parsed or removed alone.
        all.push(vec![Word {
            computed: true,
            ..Word::default()
        }]);
    }
    all
}

fn assigns_in_power_shell(line: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    line.starts_with("$env:") || line.starts_with('[') && line.contains("setenvironmentvariable(")
}

fn parse_power_shell(line: &str) -> ShellCommand {
    let line = line.trim();
    let (name, value) = if line.starts_with('$') {
        match line.split_once('=') {
            Some((name, value)) => (name.get(5..).unwrap_or_default().trim(), value.trim()),
            None => return ShellCommand::Other,
        }
    } else {
        let inside = line.split_once('(').map_or("", |(_, rest)| rest);
        let mut parts = inside.split([',', ')']).map(str::trim);
        let name = parts.next().unwrap_or_default();
        (unquoted(name), parts.next().unwrap_or_default())
    };
    if !is_name(name) {
        return ShellCommand::Other;
    }
    ShellCommand::Sets(vec![(name.to_owned(), parse_value(value))])
}

/// Parses every `"NAME": "value"` of a line.
fn parse_json_pairs(line: &str) -> Vec<ShellCommand> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    let strings: Vec<&str> = line.split('"').skip(1).collect();
    let mut all = Vec::new();
    for part in strings.windows(3) {
        if let [name, between, value] = part
            && is_name(name)
            && between.trim() == ":"
        {
            all.push(((*name).to_owned(), parse_value(value)));
        }
    }
    vec![sets(all)]
}

/// Parses `NAME: value`.
fn parse_yaml_entry(line: &str) -> Option<ShellCommand> {
    let line = line.trim().trim_start_matches("- ");
    let (name, value) = line.split_once(':')?;
    (is_name(name) && (value.is_empty() || value.starts_with(' ')))
        .then(|| ShellCommand::Sets(vec![(name.to_owned(), parse_value(value.trim()))]))
}

/// Parses a quoted or unquoted value, which may refer to other variables with `$`.
pub(super) fn parse_value(value: &str) -> AssignedValue {
    let text = unquoted(value);
    if text.contains('$') || text.contains('(') {
        AssignedValue::Computed
    } else {
        AssignedValue::Literal(HiddenText::new(text.to_owned()))
    }
}

pub(super) fn unquoted(value: &str) -> &str {
    let value = value.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.split_once(quote))
        .map_or(value, |(inside, _)| inside)
}

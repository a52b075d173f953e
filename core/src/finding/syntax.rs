//! One line as the shells and files that set variables understand it, as far as assignments go.
//!
//! This is no shell: what it cannot follow it calls [`Command::Other`] or [`Said::Computed`]. Invariant: it never fails.

use crate::snapshot::Hidden;

/// How a file is written.
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
    /// YAML, with shell lines in it: `NAME: value`.
    Yaml,
}

/// One command of a line.
pub(super) enum Command {
    /// It sets variables and does nothing else.
    Sets(Vec<(String, Said)>),
    /// It takes variables away.
    Unsets(Vec<String>),
    /// Anything else.
    Other,
}

/// A value, as far as it is written down.
pub(super) enum Said {
    /// This text.
    Literal(Hidden),
    /// It comes from elsewhere: another variable, a program.
    Computed,
}

/// A word of a line, its quotes taken off.
struct Word {
    text: String,
    computed: bool,
}

/// The commands of a line; none where it is blank or a comment.
pub(super) fn commands(line: &str, syntax: Syntax) -> Vec<Command> {
    match syntax {
        Syntax::Json => pairs(line),
        Syntax::Yaml => entry(line).map_or_else(|| commands(line, Syntax::Posix), |it| vec![it]),
        Syntax::PowerShell if assigns_in_power_shell(line) => vec![power_shell(line)],
        Syntax::Posix | Syntax::Fish | Syntax::PowerShell => split(line)
            .iter()
            .filter(|words| !does_nothing(words))
            .map(|words| command(words, syntax))
            .collect(),
    }
}

fn command(words: &[Word], syntax: Syntax) -> Command {
    // What may stand before a command on the same line.
    let opens = |word: &&Word| matches!(word.text.as_str(), "then" | "do" | "else" | "{" | "-");
    let words = match words.first() {
        Some(first) if opens(&first) => &words[1..],
        _ => words,
    };
    let Some((first, rest)) = words.split_first() else {
        return Command::Other;
    };
    let named = || rest.iter().filter(|word| !word.text.starts_with('-'));
    match first.text.as_str() {
        "export" | "declare" | "typeset" | "readonly" | "local" => {
            let all: Vec<_> = named().filter_map(equation).collect();
            sets(all)
        }
        "unset" => Command::Unsets(named().map(|word| word.text.clone()).collect()),
        "set" if syntax == Syntax::Fish => fish(rest),
        "setx" => spaced(&named().collect::<Vec<_>>()),
        _ => {
            let all: Vec<_> = words.iter().map_while(equation).collect();
            if all.len() == words.len() {
                sets(all)
            } else {
                Command::Other
            }
        }
    }
}

/// `:`, which stands before a line that was commented out inside of a block.
fn does_nothing(words: &[Word]) -> bool {
    matches!(words, [word] if word.text == ":")
}

fn sets(all: Vec<(String, Said)>) -> Command {
    if all.is_empty() {
        Command::Other
    } else {
        Command::Sets(all)
    }
}

fn fish(rest: &[Word]) -> Command {
    let erases = |word: &Word| match word.text.strip_prefix("--") {
        Some(long) => long == "erase",
        None => word.text.starts_with('-') && word.text.contains('e'),
    };
    let (flags, named): (Vec<_>, Vec<_>) = rest.iter().partition(|word| word.text.starts_with('-'));
    if flags.into_iter().any(erases) {
        return Command::Unsets(named.into_iter().map(|word| word.text.clone()).collect());
    }
    spaced(&named)
}

/// `NAME value`
fn spaced(named: &[&Word]) -> Command {
    match named {
        [name, value] if is_name(&name.text) => {
            Command::Sets(vec![(name.text.clone(), said(value))])
        }
        _ => Command::Other,
    }
}

/// `NAME=value`
fn equation(word: &Word) -> Option<(String, Said)> {
    let (name, value) = word.text.split_once('=')?;
    is_name(name).then(|| {
        let value = Word {
            text: value.to_owned(),
            computed: word.computed,
        };
        (name.to_owned(), said(&value))
    })
}

fn said(word: &Word) -> Said {
    if word.computed {
        Said::Computed
    } else {
        Said::Literal(Hidden::new(word.text.clone()))
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Splits a line into commands and these into words, as shells do; stops at a comment.
fn split(line: &str) -> Vec<Vec<Word>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        let ends = quote.is_none() && (c.is_whitespace() || matches!(c, ';' | '&' | '|'));
        if ends {
            words.extend(word.take());
            if !c.is_whitespace() {
                all.push(std::mem::take(&mut words));
            }
            continue;
        }
        if quote.is_none() && c == '#' && word.is_none() {
            break;
        }
        let word = word.get_or_insert_with(|| Word {
            text: String::new(),
            computed: false,
        });
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => word.text.extend(letters.next()),
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
        // The value goes on in the next line: this one cannot be understood, or taken out, alone.
        all.push(vec![Word {
            text: String::new(),
            computed: true,
        }]);
    }
    all
}

fn assigns_in_power_shell(line: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    line.starts_with("$env:") || line.starts_with('[') && line.contains("setenvironmentvariable(")
}

fn power_shell(line: &str) -> Command {
    let line = line.trim();
    let (name, value) = if line.starts_with('$') {
        match line.split_once('=') {
            Some((name, value)) => (name.get(5..).unwrap_or_default().trim(), value.trim()),
            None => return Command::Other,
        }
    } else {
        let inside = line.split_once('(').map_or("", |(_, rest)| rest);
        let mut parts = inside.split([',', ')']).map(str::trim);
        let name = parts.next().unwrap_or_default();
        (unquoted(name), parts.next().unwrap_or_default())
    };
    if !is_name(name) {
        return Command::Other;
    }
    Command::Sets(vec![(name.to_owned(), written(value))])
}

/// `"NAME": "value"`, as often as it stands in the line.
fn pairs(line: &str) -> Vec<Command> {
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
            all.push(((*name).to_owned(), written(value)));
        }
    }
    vec![sets(all)]
}

/// `NAME: value`
fn entry(line: &str) -> Option<Command> {
    let line = line.trim().trim_start_matches("- ");
    let (name, value) = line.split_once(':')?;
    (is_name(name) && (value.is_empty() || value.starts_with(' ')))
        .then(|| Command::Sets(vec![(name.to_owned(), written(value.trim()))]))
}

/// A value that stands in quotes or not, and may name others by `$`.
fn written(value: &str) -> Said {
    let text = unquoted(value);
    if text.contains('$') || text.contains('(') {
        Said::Computed
    } else {
        Said::Literal(Hidden::new(text.to_owned()))
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.split_once(quote))
        .map_or(value, |(inside, _)| inside)
}

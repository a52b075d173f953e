//! Repairs a pasted token: removes whitespace, quotes, `Bearer`, and the name of a header or variable around it.
//!
//! Invariants: a repair only cuts at the ends or removes invisible characters; the result never needs another repair,
//! so reading it again changes nothing. One final newline is removed without being reported: every paste and pipe has
//! one.

use std::fmt;

use zeroize::Zeroizing;

use super::family::VENDOR;

/// A repair, which leaves the token itself unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenRepair {
    /// Removed invisible characters: a byte-order mark, a zero-width space, a soft hyphen.
    InvisibleChars,
    /// Trimmed whitespace, other than one final newline.
    Trim,
    /// Removed a comma or semicolon at the end.
    TrailingPunctuation,
    /// Removed a header name: `x-api-key:`, `Authorization:`.
    HeaderName,
    /// Removed a variable name: `ANTHROPIC_API_KEY=`, `export …=`, `$env:… =`, `"api_key": `.
    Assignment,
    /// Removed `Bearer`.
    Bearer,
    /// Removed a pair of quotes.
    Quotes,
    /// Joined the lines into which a terminal had wrapped it.
    JoinedLines,
}

/// Number of bytes to cut at the front and at the back.
#[derive(Clone, Copy)]
struct CutRange {
    front: usize,
    back: usize,
}

/// The repaired text, and its offset.
pub(super) struct Repaired<'a> {
    /// The remaining text.
    pub(super) text: &'a str,
    /// Number of bytes cut before it.
    pub(super) front: usize,
}

type RepairFn = fn(&str) -> Option<CutRange>;

/// The repairs, in the order in which they are tried until none applies.
const REPAIRS: [(TokenRepair, RepairFn); 6] = [
    (TokenRepair::Trim, whitespace),
    (TokenRepair::TrailingPunctuation, trailing_punctuation),
    (TokenRepair::HeaderName, header_name),
    (TokenRepair::Assignment, assignment),
    (TokenRepair::Bearer, bearer),
    (TokenRepair::Quotes, quotes),
];

/// Headers that people paste with their name.
const HEADERS: [&str; 3] = ["x-api-key", "authorization", "api-key"];

/// Shell keywords at the start of an assignment.
const KEYWORDS: [&str; 3] = ["export ", "set ", "$env:"];

const QUOTES: [(char, char); 9] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('”', '”'),
    ('’', '’'),
    ('„', '“'),
    ('«', '»'),
];

impl TokenRepair {
    /// Returns the machine-readable code, such as `trailing_punctuation`.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvisibleChars => "invisible_chars",
            Self::Trim => "trim",
            Self::TrailingPunctuation => "trailing_punctuation",
            Self::HeaderName => "header_name",
            Self::Assignment => "assignment",
            Self::Bearer => "bearer",
            Self::Quotes => "quotes",
            Self::JoinedLines => "joined_lines",
        }
    }
}

impl fmt::Display for TokenRepair {
    /// Describes the repair.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvisibleChars => "Removed invisible characters",
            Self::Trim => "Trimmed whitespace",
            Self::TrailingPunctuation => "Removed the comma or semicolon at the end",
            Self::HeaderName => "Removed the header name",
            Self::Assignment => "Removed the variable name",
            Self::Bearer => "Removed `Bearer`",
            Self::Quotes => "Removed the quotes",
            Self::JoinedLines => "Joined the wrapped lines",
        })
    }
}

/// Removes invisible characters, or returns `None` if there are none. The copy is wiped when it is dropped.
pub(super) fn strip_invisible(pasted: &str) -> Option<Zeroizing<String>> {
    pasted.contains(is_invisible).then(|| {
        // Allocated once: growing would leave copies in freed memory.
        let mut visible = Zeroizing::new(String::with_capacity(pasted.len()));
        visible.extend(pasted.chars().filter(|c| !is_invisible(*c)));
        visible
    })
}

/// Removes everything around the token; reports each kind of repair once, in the order of first use.
pub(super) fn repair(whole: &str) -> (Repaired<'_>, Vec<TokenRepair>) {
    let mut core = Repaired {
        text: strip_final_newline(whole),
        front: 0,
    };
    let mut repairs = Vec::new();
    while let Some((repair, cut)) = next_cut(core.text) {
        core.text = &core.text[cut.front..core.text.len() - cut.back];
        core.front += cut.front;
        if !repairs.contains(&repair) {
            repairs.push(repair);
        }
    }
    (core, repairs)
}

/// Joins the lines of a wrapped token: removes each line break with the whitespace around it. The caller uses the
/// result only if it is canonical, since nothing else distinguishes a wrapped token from two values on two lines.
pub(super) fn join_lines(text: &str) -> Option<Zeroizing<String>> {
    let mut lines = text.lines().map(str::trim);
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.push_str(lines.next()?);
    let mut has_more_lines = false;
    for line in lines {
        joined.push_str(line);
        has_more_lines = true;
    }
    has_more_lines.then_some(joined)
}

/// Returns `true` if the character has no width.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Removes one newline at the end, which is never meant as part of a token.
fn strip_final_newline(text: &str) -> &str {
    text.strip_suffix('\n')
        .map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

fn next_cut(text: &str) -> Option<(TokenRepair, CutRange)> {
    REPAIRS
        .iter()
        .find_map(|(kind, repair)| repair(text).map(|cut| (*kind, cut)))
}

fn whitespace(text: &str) -> Option<CutRange> {
    let front = text.len() - text.trim_start().len();
    let back = text.trim_start().len() - text.trim().len();
    (front + back > 0).then_some(CutRange { front, back })
}

fn trailing_punctuation(text: &str) -> Option<CutRange> {
    let back = text.len() - text.trim_end_matches([',', ';']).len();
    (back > 0).then_some(CutRange { front: 0, back })
}

fn header_name(text: &str) -> Option<CutRange> {
    let named = NamedValue::parse(text)?;
    let is_header = HEADERS
        .iter()
        .any(|header| named.name.eq_ignore_ascii_case(header));
    (named.separator == ':' && is_header).then(|| named.cut(text))
}

fn assignment(text: &str) -> Option<CutRange> {
    let keyword = KEYWORDS
        .iter()
        .find(|keyword| starts_with_word(text, keyword));
    let named = NamedValue::parse(text[keyword.map_or(0, |word| word.len())..].trim_start())?;
    let value = named.value.trim_start_matches(['"', '\'']);
    let has_known_prefix = [VENDOR, "krv_", "kra_"]
        .iter()
        .any(|prefix| value.starts_with(prefix));
    (keyword.is_some() || has_known_prefix || is_secret_variable_name(named.name))
        .then(|| named.cut(text))
}

fn bearer(text: &str) -> Option<CutRange> {
    let rest = starts_with_word(text, "bearer").then(|| &text["bearer".len()..])?;
    let value = rest.trim_start();
    (value.len() < rest.len() && !value.is_empty()).then(|| CutRange {
        front: text.len() - value.len(),
        back: 0,
    })
}

/// Removes a pair of quotes, unless the same quote occurs inside: then it is not one quoted value.
fn quotes(text: &str) -> Option<CutRange> {
    QUOTES.iter().find_map(|(open, close)| {
        let inside = text.strip_prefix(*open)?.strip_suffix(*close)?;
        let is_one_value = !inside.contains([*open, *close]);
        is_one_value.then(|| CutRange {
            front: open.len_utf8(),
            back: close.len_utf8(),
        })
    })
}

/// A name, a separator and a value: `NAME = value`, `"name": value`.
struct NamedValue<'a> {
    name: &'a str,
    separator: char,
    value: &'a str,
}

impl<'a> NamedValue<'a> {
    /// Parses a name, plain or in quotes, and `=` or `:`.
    fn parse(text: &'a str) -> Option<Self> {
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
        let start = quote.map_or(text, |_| &text[1..]);
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let (name, rest) = start.split_at(start.find(|c| !is_name_char(c))?);
        let rest = quote
            .map_or(Some(rest), |quote| rest.strip_prefix(quote))?
            .trim_start();
        let separator = rest.chars().next().filter(|c| matches!(c, '=' | ':'))?;
        (!name.is_empty()).then(|| Self {
            name,
            separator,
            value: rest[1..].trim_start(),
        })
    }

    /// Returns the cut of everything before the value, which extends to the end of the text.
    fn cut(&self, text: &str) -> CutRange {
        CutRange {
            front: text.len() - self.value.len(),
            back: 0,
        }
    }
}

/// Returns `true` for a name that people give to variables with a secret, which is not part of a token.
fn is_secret_variable_name(name: &str) -> bool {
    let is_upper_case = name
        .bytes()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
    is_upper_case
        && name.contains('_')
        && ["KEY", "TOKEN", "SECRET"]
            .iter()
            .any(|word| name.contains(word))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

//! Takes away what people paste around a token: blanks, quotes, `Bearer`, a header's or a variable's name.
//!
//! Invariants: a repair only cuts at the ends or drops characters that cannot be seen; what is left never needs another
//! repair, so reading it again changes nothing.

use std::fmt;

use zeroize::Zeroizing;

use super::family::VENDOR;

/// What was taken away; the token itself is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fix {
    /// Characters without width: a byte-order mark, a zero-width space, a soft hyphen.
    InvisibleChars,
    /// Blanks and line breaks around it.
    Trim,
    /// A comma or semicolon after it.
    TrailingPunctuation,
    /// `x-api-key:`, `Authorization:` before it.
    HeaderName,
    /// `ANTHROPIC_API_KEY=`, `export …=`, `$env:… =`, `"api_key": ` before it.
    Assignment,
    /// `Bearer` before it.
    Bearer,
    /// A pair of quotes around it.
    Quotes,
    /// A line break inside, where a terminal had wrapped it.
    JoinedLines,
}

/// How many bytes to cut, at the front and at the back.
#[derive(Clone, Copy)]
struct Cut {
    front: usize,
    back: usize,
}

/// The text between the repairs, and where it stood.
pub(super) struct Core<'a> {
    /// What is left.
    pub(super) text: &'a str,
    /// How many bytes were cut before it.
    pub(super) front: usize,
}

type Repair = fn(&str) -> Option<Cut>;

/// The repairs, in the order in which they are tried until none applies.
const REPAIRS: [(Fix, Repair); 6] = [
    (Fix::Trim, blanks),
    (Fix::TrailingPunctuation, trailing_punctuation),
    (Fix::HeaderName, header_name),
    (Fix::Assignment, assignment),
    (Fix::Bearer, bearer),
    (Fix::Quotes, quotes),
];

/// The headers whose whole line people paste.
const HEADERS: [&str; 3] = ["x-api-key", "authorization", "api-key"];

/// The words with which shells begin an assignment.
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

impl Fix {
    /// Names it in one word for machines, such as `trailing_punctuation`.
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

impl fmt::Display for Fix {
    /// Says in a sentence what was taken away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvisibleChars => "took out characters that cannot be seen",
            Self::Trim => "took away blanks and line breaks around it",
            Self::TrailingPunctuation => "took away the comma or semicolon after it",
            Self::HeaderName => "took away the header's name before it",
            Self::Assignment => "took away the variable's name before it",
            Self::Bearer => "took away \"Bearer\" before it",
            Self::Quotes => "took away the quotes around it",
            Self::JoinedLines => "joined the lines it was wrapped into",
        })
    }
}

/// Drops the characters without width, where there are any. The copy is wiped when it is dropped.
pub(super) fn without_invisible(pasted: &str) -> Option<Zeroizing<String>> {
    pasted.contains(is_invisible).then(|| {
        // Room for all of it at once: growing would leave parts behind in freed memory.
        let mut visible = Zeroizing::new(String::with_capacity(pasted.len()));
        visible.extend(pasted.chars().filter(|c| !is_invisible(*c)));
        visible
    })
}

/// Cuts what stands around the token, and names each kind of cut once, in the order of its first use.
pub(super) fn cut_around(whole: &str) -> (Core<'_>, Vec<Fix>) {
    let mut core = Core {
        text: whole,
        front: 0,
    };
    let mut fixes = Vec::new();
    while let Some((fix, cut)) = next_cut(core.text) {
        core.text = &core.text[cut.front..core.text.len() - cut.back];
        core.front += cut.front;
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    (core, fixes)
}

/// Joins the lines of a wrapped token: drops each line break with the blanks around it. The caller keeps the result
/// only if it is canonical, since nothing else tells a wrapped token from two things on two lines.
pub(super) fn join_lines(text: &str) -> Option<Zeroizing<String>> {
    let mut lines = text.lines().map(str::trim);
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.push_str(lines.next()?);
    let mut more = false;
    for line in lines {
        joined.push_str(line);
        more = true;
    }
    more.then_some(joined)
}

/// Whether a character has no width of its own.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

fn next_cut(text: &str) -> Option<(Fix, Cut)> {
    REPAIRS
        .iter()
        .find_map(|(fix, repair)| repair(text).map(|cut| (*fix, cut)))
}

fn blanks(text: &str) -> Option<Cut> {
    let front = text.len() - text.trim_start().len();
    let back = text.trim_start().len() - text.trim().len();
    (front + back > 0).then_some(Cut { front, back })
}

fn trailing_punctuation(text: &str) -> Option<Cut> {
    let back = text.len() - text.trim_end_matches([',', ';']).len();
    (back > 0).then_some(Cut { front: 0, back })
}

fn header_name(text: &str) -> Option<Cut> {
    let named = Named::parse(text)?;
    let header = HEADERS
        .iter()
        .any(|header| named.name.eq_ignore_ascii_case(header));
    (named.separator == ':' && header).then(|| named.cut(text))
}

fn assignment(text: &str) -> Option<Cut> {
    let keyword = KEYWORDS
        .iter()
        .find(|keyword| starts_with_word(text, keyword));
    let named = Named::parse(text[keyword.map_or(0, |word| word.len())..].trim_start())?;
    let value = named.value.trim_start_matches(['"', '\'']);
    let known = [VENDOR, "krv_", "kra_"]
        .iter()
        .any(|prefix| value.starts_with(prefix));
    (keyword.is_some() || known || is_a_secrets_variable(named.name)).then(|| named.cut(text))
}

fn bearer(text: &str) -> Option<Cut> {
    let rest = starts_with_word(text, "bearer").then(|| &text["bearer".len()..])?;
    let value = rest.trim_start();
    (value.len() < rest.len() && !value.is_empty()).then(|| Cut {
        front: text.len() - value.len(),
        back: 0,
    })
}

/// Takes a pair of quotes away, unless the same quote stands inside: then it is not one quoted value.
fn quotes(text: &str) -> Option<Cut> {
    QUOTES.iter().find_map(|(open, close)| {
        let inside = text.strip_prefix(*open)?.strip_suffix(*close)?;
        let one_value = !inside.contains([*open, *close]);
        one_value.then(|| Cut {
            front: open.len_utf8(),
            back: close.len_utf8(),
        })
    })
}

/// A name, a separator and what follows it: `NAME = value`, `"name": value`.
struct Named<'a> {
    name: &'a str,
    separator: char,
    value: &'a str,
}

impl<'a> Named<'a> {
    /// Parses a name, bare or in quotes, and `=` or `:`.
    fn parse(text: &'a str) -> Option<Self> {
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
        let start = quote.map_or(text, |_| &text[1..]);
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let (name, rest) = start.split_at(start.find(|c| !is_of_a_name(c))?);
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

    /// Cuts all before the value, which is the end of the text.
    fn cut(&self, text: &str) -> Cut {
        Cut {
            front: text.len() - self.value.len(),
            back: 0,
        }
    }
}

/// Whether a name is one that people give to variables with a secret in them, and no part of a token.
fn is_a_secrets_variable(name: &str) -> bool {
    let upper = name
        .bytes()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
    upper
        && name.contains('_')
        && ["KEY", "TOKEN", "SECRET"]
            .iter()
            .any(|word| name.contains(word))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

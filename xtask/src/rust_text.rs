//! Finds the text that people read in a Rust file: comments and string literals, each with the line it starts at.
//!
//! Invariant: the lexer follows Rust's rules for comments, strings, raw strings and character literals, so a quote in a
//! comment or two slashes in a string do not confuse it.

/// A comment line or a string literal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Text<'a> {
    /// The line it starts at, from 1.
    pub(crate) line: usize,
    pub(crate) kind: TextKind,
    /// Its content as written: without slashes or quotes, escapes unresolved.
    pub(crate) content: &'a str,
}

/// The kind of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextKind {
    /// A line of `//!` or `///`.
    Doc,
    /// Any other comment.
    Comment,
    /// A string literal.
    Literal,
}

/// Lists the comments and string literals of a file, in order.
pub(crate) fn texts(source: &str) -> Vec<Text<'_>> {
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < source.len() {
        let rest = &source[at..];
        let (length, text) = token(rest, source[..at].chars().next_back());
        if let Some((kind, content)) = text {
            found.push(Text {
                line,
                kind,
                content,
            });
        }
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

/// Returns the first token of `rest`: its length in bytes, and its text if it is a comment or a string literal.
fn token(rest: &str, before: Option<char>) -> (usize, Option<(TextKind, &str)>) {
    let after_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(comment) = rest.strip_prefix("//") {
        return line_comment(comment);
    }
    if rest.starts_with("/*") {
        let end = rest.find("*/").map_or(rest.len(), |at| at + 2);
        return (end, Some((TextKind::Comment, &rest[..end])));
    }
    if rest.starts_with('"') {
        return literal(rest);
    }
    if rest.starts_with('\'') {
        return (character(rest), None);
    }
    if rest.starts_with('r') && !after_word {
        return raw_literal(rest).unwrap_or((1, None));
    }
    (rest.chars().next().map_or(1, char::len_utf8), None)
}

fn line_comment(comment: &str) -> (usize, Option<(TextKind, &str)>) {
    let text = comment.lines().next().unwrap_or_default();
    let length = 2 + text.len();
    let is_doc = text.starts_with('!') || text.starts_with('/') && !text.starts_with("//");
    if is_doc {
        (length, Some((TextKind::Doc, text[1..].trim())))
    } else {
        (length, Some((TextKind::Comment, text.trim())))
    }
}

fn literal(rest: &str) -> (usize, Option<(TextKind, &str)>) {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return (at + 1, Some((TextKind::Literal, &rest[1..at]))),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (rest.len(), None)
}

fn raw_literal(rest: &str) -> Option<(usize, Option<(TextKind, &str)>)> {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    let body = rest[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end)?;
    let whole = 1 + hashes + 1 + length + end.len();
    Some((whole, Some((TextKind::Literal, &body[..length]))))
}

/// Returns the length of a character literal, or 1 for the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |at| at + 4),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{TextKind, texts};

    fn found(source: &str) -> Vec<(usize, TextKind, &str)> {
        texts(source)
            .into_iter()
            .map(|text| (text.line, text.kind, text.content))
            .collect()
    }

    #[test]
    fn comments_and_strings_are_distinguished() {
        let source = "//! Doc.\n/// Item.\n// Why \"not\".\nlet a = \"b // c\";\nlet r = r#\"x \"y\" z\"#;\n";
        assert_eq!(
            found(source),
            [
                (1, TextKind::Doc, "Doc."),
                (2, TextKind::Doc, "Item."),
                (3, TextKind::Comment, "Why \"not\"."),
                (4, TextKind::Literal, "b // c"),
                (5, TextKind::Literal, "x \"y\" z"),
            ]
        );
    }

    #[test]
    fn quotes_that_open_no_string_are_skipped() {
        let source =
            "let q = '\"'; let e = '\\''; fn f<'a>(x: &'a str) {}\nlet s = \"one \\\" two\";\n";
        assert_eq!(found(source), [(2, TextKind::Literal, "one \\\" two")]);
    }

    #[test]
    fn lines_are_counted_across_long_strings() {
        let source = "let s = \"a\n  b\";\n// c\n";
        assert_eq!(
            found(source),
            [
                (1, TextKind::Literal, "a\n  b"),
                (3, TextKind::Comment, "c")
            ]
        );
    }
}

//! Sanitizes untrusted text for a terminal, a log or a page.
//!
//! Invariant: the result contains no control or invisible character: no control character except tab and line feed, no
//! bidirectional override, no zero-width character, no line or paragraph separator. Each is escaped as `\u{…}`. HTML is
//! not escaped here: a page escapes all text itself.

use std::borrow::Cow;

/// Maximum length in characters of one line of untrusted text.
pub const MAX_LINE_CHARS: usize = 2048;

/// Unsafe characters in addition to control characters: Unicode's format characters (category Cf), line and paragraph
/// separators, blank letters, and the selectors and tags that can encode hidden text. Sorted.
const INVISIBLE: [(char, char); 27] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0d}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{16fe4}', '\u{16fe4}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Sanitizes text: escapes control and invisible characters, except tabs and line feeds.
///
/// ```
/// assert_eq!(keyreeve_core::sanitize::sanitize("\u{1b}[31mred"), r"\u{1b}[31mred");
/// ```
pub fn sanitize(text: &str) -> Cow<'_, str> {
    escape(text, |c| !matches!(c, '\t' | '\n') && is_unsafe(c))
}

/// Sanitizes text as one line, escaping tabs and line feeds too, with at most `max_chars` characters; a truncated line
/// ends in `…`, never in the middle of an escape.
pub fn sanitize_line(text: &str, max_chars: usize) -> Cow<'_, str> {
    // Escapes only lengthen, so no more of the text than this can fit.
    let (start, is_truncated) = match text.char_indices().nth(max_chars) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    };
    let escaped = escape(start, is_unsafe);
    if is_truncated || escaped.chars().nth(max_chars).is_some() {
        Cow::Owned(truncate(start, max_chars))
    } else {
        escaped
    }
}

fn escape(text: &str, needs_escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&needs_escape) else {
        return Cow::Borrowed(text);
    };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for c in text[first..].chars() {
        if needs_escape(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Returns as many whole characters or escapes as fit before the `…`.
fn truncate(text: &str, max_chars: usize) -> String {
    let mut truncated = String::new();
    let mut room = max_chars.saturating_sub(1);
    for c in text.chars() {
        let length = if is_unsafe(c) {
            c.escape_unicode().len()
        } else {
            1
        };
        if length > room {
            break;
        }
        room -= length;
        if is_unsafe(c) {
            truncated.extend(c.escape_unicode());
        } else {
            truncated.push(c);
        }
    }
    if max_chars > 0 {
        truncated.push('…');
    }
    truncated
}

/// Returns `true` for a control or invisible character.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || (c > '\u{7f}'
            && INVISIBLE
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&c)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_text_is_unchanged_and_not_copied() {
        for text in [
            "",
            "plain",
            "Grüße",
            "日本語、한국어",
            "🙂 ❤️ ☎︎",
            "a\tb\nc",
            "<b>&amp;</b>",
            "עברית",
        ] {
            assert!(
                matches!(sanitize(text), Cow::Borrowed(same) if same == text),
                "{text:?}"
            );
        }
        assert!(matches!(sanitize_line("Grüße", 5), Cow::Borrowed("Grüße")));
    }

    #[test]
    fn unsafe_characters_are_escaped() {
        for (text, shown) in [
            ("\0", r"\u{0}"),
            ("a\x1b]52;c;x\x07b", r"a\u{1b}]52;c;x\u{7}b"),
            ("\r\n", "\\u{d}\n"),
            ("\x7f\u{80}\u{9b}31m", r"\u{7f}\u{80}\u{9b}31m"),
            ("\u{202e}evil\u{2066}", r"\u{202e}evil\u{2066}"),
            (
                "a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b",
                r"a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b",
            ),
            ("\u{2028}\u{2029}\u{85}", r"\u{2028}\u{2029}\u{85}"),
            ("\u{e0041}\u{e0100}\u{3164}", r"\u{e0041}\u{e0100}\u{3164}"),
        ] {
            assert_eq!(sanitize(text), shown, "{text:?}");
            assert_eq!(sanitize(&sanitize(text)), shown, "again: {text:?}");
        }
    }

    #[test]
    fn line_is_truncated_between_characters() {
        for (text, max_chars, shown) in [
            ("a\tb\n", 20, r"a\u{9}b\u{a}"),
            ("abcde", 5, "abcde"),
            ("abcdef", 5, "abcd…"),
            ("日本語日本語", 3, "日本…"),
            ("ab\n", 7, r"ab\u{a}"),
            ("ab\n", 6, "ab…"),
            ("a\nb", 7, r"a\u{a}b"),
            ("a\nbc", 7, r"a\u{a}…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(
                sanitize_line(text, max_chars),
                shown,
                "{text:?} in {max_chars}"
            );
        }
    }

    #[test]
    fn table_is_sorted() {
        assert!(INVISIBLE.iter().all(|(first, last)| first <= last));
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn result_has_no_unsafe_character(text in any::<String>(), max_chars in 0..30_usize) {
            prop_assert!(!sanitize(&text).contains(|c| !matches!(c, '\t' | '\n') && is_unsafe(c)));
            let line = sanitize_line(&text, max_chars);
            prop_assert!(!line.contains(is_unsafe) && line.chars().count() <= max_chars);
        }
    }
}

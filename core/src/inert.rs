//! Makes text from outside safe for a terminal, a log or a page.
//!
//! Invariant: what comes out holds no character that acts or hides instead of showing: no control but tab and line
//! feed, no bidirectional override, nothing of zero width, no line or paragraph separator. Each is shown as `\u{…}`.
//! Markup is the page's own business: it escapes all text.

use std::borrow::Cow;

/// The longest line shown of a text whose length others decide, in characters.
pub const LONGEST_LINE: usize = 2048;

/// Characters that act or hide, besides the controls: Unicode's format characters (category Cf), line and paragraph
/// separators, blank letters, and the selectors and tags that can carry hidden text. Sorted.
const HIDDEN: [(char, char); 27] = [
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

/// Shows what would act; tabs and line feeds stay.
///
/// ```
/// assert_eq!(keyreeve_core::inert::inert("\u{1b}[31mred"), r"\u{1b}[31mred");
/// ```
pub fn inert(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !matches!(c, '\t' | '\n') && acts(c))
}

/// Shows the text on one line, tabs and line feeds escaped too, with at most `longest` characters; where it was
/// cut it ends in `…`, and never within an escape.
pub fn inert_line(text: &str, longest: usize) -> Cow<'_, str> {
    // Escapes only lengthen, so that no more of the text than this can be shown.
    let (beginning, is_cut) = match text.char_indices().nth(longest) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    };
    let shown = escaped(beginning, acts);
    if is_cut || shown.chars().nth(longest).is_some() {
        Cow::Owned(cut(beginning, longest))
    } else {
        shown
    }
}

fn escaped(text: &str, acts: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&acts) else {
        return Cow::Borrowed(text);
    };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for c in text[first..].chars() {
        if acts(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Shows as many whole characters or escapes as leave room for the mark of the cut.
fn cut(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    let mut room = longest.saturating_sub(1);
    for c in text.chars() {
        let length = if acts(c) { c.escape_unicode().len() } else { 1 };
        if length > room {
            break;
        }
        room -= length;
        if acts(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if longest > 0 {
        shown.push('…');
    }
    shown
}

/// Whether a character does something else than show itself.
fn acts(c: char) -> bool {
    c.is_control()
        || (c > '\u{7f}'
            && HIDDEN
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&c)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_text_is_untouched_and_not_copied() {
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
                matches!(inert(text), Cow::Borrowed(same) if same == text),
                "{text:?}"
            );
        }
        assert!(matches!(inert_line("Grüße", 5), Cow::Borrowed("Grüße")));
    }

    #[test]
    fn what_acts_is_shown() {
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
            assert_eq!(inert(text), shown, "{text:?}");
            assert_eq!(inert(&inert(text)), shown, "again: {text:?}");
        }
    }

    #[test]
    fn a_line_is_one_line_and_is_cut_between_characters() {
        for (text, longest, shown) in [
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
            assert_eq!(inert_line(text, longest), shown, "{text:?} in {longest}");
        }
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn nothing_that_acts_comes_out(text in any::<String>(), longest in 0..30_usize) {
            prop_assert!(!inert(&text).contains(|c| !matches!(c, '\t' | '\n') && acts(c)));
            let line = inert_line(&text, longest);
            prop_assert!(!line.contains(acts) && line.chars().count() <= longest);
        }
    }
}

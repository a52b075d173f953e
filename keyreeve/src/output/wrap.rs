//! Line wrapping between words.
//!
//! Invariant: nothing is lost, and neither a word nor a command in backticks is split, so that both can still be copied.

use unicode_width::UnicodeWidthStr as _;

/// Wraps a line at `columns`, if given; all lines but the first start with `indent`.
pub(super) fn wrap(text: &str, indent: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    // `true` if the line has more than its indentation.
    let mut has_words = false;
    for word in words(text) {
        let width = line.width() + word.trim_end().width();
        if has_words && width > columns {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            has_words = false;
        }
        line.push_str(word);
        has_words |= word != " ";
    }
    lines.push(line);
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// Splits a text after each space outside of backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_balanced = text.matches('`').count().is_multiple_of(2);
    let mut in_code = false;
    text.split_inclusive(move |c| {
        in_code ^= c == '`' && is_balanced;
        c == ' ' && !in_code
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_are_indented() {
        let text = "  one two /a/long/path/to/x three";
        assert_eq!(wrap(text, "    ", None), [text]);
        assert_eq!(wrap(text, "    ", Some(80)), [text]);
        assert_eq!(
            wrap(text, "    ", Some(10)),
            ["  one two", "    /a/long/path/to/x", "    three"]
        );
        assert_eq!(wrap("", "  ", Some(10)), [""]);
        assert_eq!(wrap("鍵鍵 鍵鍵", "", Some(8)), ["鍵鍵", "鍵鍵"]);
    }

    #[test]
    fn commands_in_backticks_stay_whole() {
        assert_eq!(
            wrap("run `keyreeve key list` now", "  ", Some(12)),
            ["run", "  `keyreeve key list`", "  now"]
        );
        assert_eq!(wrap("a ` b c", "", Some(4)), ["a `", "b c"]);
    }
}

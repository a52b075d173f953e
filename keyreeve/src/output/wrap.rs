//! Line wrapping between words.
//!
//! Invariant: nothing is lost and no word is split, so that a path can still be copied.

/// Wraps a line at `columns`, if given; all lines but the first start with `indent`.
pub(super) fn wrap(text: &str, indent: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    // `true` if the line has more than its indentation.
    let mut has_words = false;
    for word in text.split_inclusive(' ') {
        let length = line.chars().count() + word.trim_end().chars().count();
        if has_words && length > columns {
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
    }
}

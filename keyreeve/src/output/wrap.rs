//! Breaking a line between words, for a terminal that is narrower than the line.
//!
//! Invariant: nothing is lost and no word is cut, so that a path can still be copied.

/// The lines of a text that has none; all but the first begin with `hang`. Without a width it stays one line.
pub(super) fn wrapped(text: &str, hang: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    // Whether the line holds more than what it begins with.
    let mut is_begun = false;
    for word in text.split_inclusive(' ') {
        let length = line.chars().count() + word.trim_end().chars().count();
        if is_begun && length > columns {
            lines.push(std::mem::replace(&mut line, hang.to_owned()));
            is_begun = false;
        }
        line.push_str(word);
        is_begun |= word != " ";
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
    fn a_line_breaks_between_words_and_hangs() {
        let text = "  one two /a/long/path/to/x three";
        assert_eq!(wrapped(text, "    ", None), [text]);
        assert_eq!(wrapped(text, "    ", Some(80)), [text]);
        assert_eq!(
            wrapped(text, "    ", Some(10)),
            ["  one two", "    /a/long/path/to/x", "    three"]
        );
        assert_eq!(wrapped("", "  ", Some(10)), [""]);
    }
}

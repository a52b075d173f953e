//! Converts terminal output to plain lines of text.
//!
//! Invariant: the text never gets longer, so that it is not reallocated and copied; the result is wiped when dropped.

use zeroize::Zeroizing;

use super::repair::is_invisible;

/// Removes escape sequences. A cursor movement ends a line.
pub(super) fn strip_escapes(text: &str) -> Zeroizing<String> {
    // Never longer than the text: growing would leave copies in freed memory.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => plain.extend(escape(&mut chars)),
            // One character per line break: two would mean an empty line.
            '\r' if matches!(chars.peek(), Some('\r' | '\n')) => {}
            '\r' => plain.push('\n'),
            c if is_invisible(c) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips one escape sequence; returns the character that replaces it, if any.
fn escape(chars: &mut impl Iterator<Item = char>) -> Option<char> {
    match chars.next()? {
        '[' => {
            let last = chars.find(|c| matches!(c, '\u{40}'..='\u{7e}'))?;
            match last {
                'A' | 'B' | 'E' | 'F' | 'G' | 'H' | 'd' | 'f' => Some('\n'),
                'C' => Some(' '),
                _ => None,
            }
        }
        // A title or a link, up to BEL or to ESC and a backslash.
        ']' | 'P' | 'X' | '^' | '_' => {
            let last = chars.find(|c| matches!(c, '\u{7}' | '\u{1b}'))?;
            if last == '\u{1b}' {
                chars.next();
            }
            None
        }
        // A character set, named by one more character.
        '(' | ')' | '*' | '+' => {
            chars.next();
            None
        }
        _ => None,
    }
}

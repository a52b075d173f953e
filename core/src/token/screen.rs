//! Reads what was written to a terminal as lines of text.
//!
//! Invariant: the text never gets longer, so that no copy of it is left behind; what is made of it is wiped when dropped.

use zeroize::Zeroizing;

use super::repair::is_invisible;

/// Leaves out what speaks to a terminal. A move of the cursor ends a line.
pub(super) fn without_escapes(text: &str) -> Zeroizing<String> {
    // Never longer than the text: growing would leave parts behind in freed memory.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\u{1b}' => plain.extend(escape(&mut letters)),
            // Of a line break, one character is enough: two would be an empty line.
            '\r' if matches!(letters.peek(), Some('\r' | '\n')) => {}
            '\r' => plain.push('\n'),
            c if is_invisible(c) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Passes over one escape sequence; gives what stands for it.
fn escape(letters: &mut impl Iterator<Item = char>) -> Option<char> {
    match letters.next()? {
        '[' => {
            let last = letters.find(|c| matches!(c, '\u{40}'..='\u{7e}'))?;
            match last {
                'A' | 'B' | 'E' | 'F' | 'G' | 'H' | 'd' | 'f' => Some('\n'),
                'C' => Some(' '),
                _ => None,
            }
        }
        // A title or a link, up to BEL or to ESC and a backslash.
        ']' | 'P' | 'X' | '^' | '_' => {
            let last = letters.find(|c| matches!(c, '\u{7}' | '\u{1b}'))?;
            if last == '\u{1b}' {
                letters.next();
            }
            None
        }
        // A set of characters, named by one more.
        '(' | ')' | '*' | '+' => {
            letters.next();
            None
        }
        _ => None,
    }
}

//! JSON in plain ASCII, so that no text in it can control a terminal.

/// Escapes all characters beyond ASCII, which in JSON occur only inside strings, so that none can control a terminal.
pub(crate) fn escape_non_ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str("\\u");
                text.push_str(&hex::encode(unit.to_be_bytes()));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii_and_unchanged_in_meaning() {
        let nasty = "a\u{9b}2J\u{202e}é😀\u{7f}\u{1b}";
        let json = escape_non_ascii(&serde_json::to_string(nasty).unwrap());
        assert!(json.bytes().all(|c| (0x20..0x7f).contains(&c)), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
    }
}

//! Reads escapes in JSON strings a byte at a time, so that a piece of a body may end anywhere in one.

/// The state of an escape.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Escape {
    /// The next byte is not part of an escape.
    #[default]
    None,
    /// There was a backslash.
    Started,
    /// There was `\u`.
    Unicode {
        /// Number of digits read, at most three.
        digits: u8,
        /// Their value.
        unit: u16,
    },
}

/// The meaning of an escape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Escaped {
    /// It is not complete yet.
    Incomplete,
    /// A character of one byte.
    Byte(u8),
    /// A UTF-16 code unit.
    Unit(u16),
}

impl Escape {
    /// Reads the next byte of an escape that has started; `None` if no escape has this byte there.
    pub(super) fn advance(&mut self, byte: u8) -> Option<Escaped> {
        match *self {
            Self::None => None,
            Self::Started if byte == b'u' => {
                *self = Self::Unicode { digits: 0, unit: 0 };
                Some(Escaped::Incomplete)
            }
            Self::Started => {
                *self = Self::None;
                let meaning = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 0x08,
                    b'f' => 0x0C,
                    _ => return None,
                };
                Some(Escaped::Byte(meaning))
            }
            Self::Unicode { digits, unit } => {
                let digit = u16::try_from(char::from(byte).to_digit(16)?).ok()?;
                let unit = unit << 4 | digit;
                if digits == 3 {
                    *self = Self::None;
                    return Some(Escaped::Unit(unit));
                }
                *self = Self::Unicode {
                    digits: digits + 1,
                    unit,
                };
                Some(Escaped::Incomplete)
            }
        }
    }
}

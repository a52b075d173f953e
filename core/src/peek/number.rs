//! The grammar of JSON numbers, a byte at a time.

/// The part of a number that has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Number {
    /// `-`.
    Minus,
    /// `0`, after which no digit may follow.
    Zero,
    /// Digits.
    Whole,
    /// Digits and `.`.
    Point,
    /// At least one digit after the point.
    Fraction,
    /// `e`.
    Exponent,
    /// `e` and a sign.
    Sign,
    /// At least one digit of the exponent.
    ExponentDigits,
}

impl Number {
    /// Returns the state after the first byte; `None` if no number starts with it.
    pub(super) fn start(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Whole),
            _ => None,
        }
    }

    /// Returns the state after another byte; `None` if it does not continue the number.
    pub(super) fn advance(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::Sign),
            (Self::Exponent | Self::Sign | Self::ExponentDigits, b'0'..=b'9') => {
                Some(Self::ExponentDigits)
            }
            (
                Self::Minus
                | Self::Zero
                | Self::Whole
                | Self::Point
                | Self::Fraction
                | Self::Exponent
                | Self::Sign
                | Self::ExponentDigits,
                _,
            ) => None,
        }
    }

    /// Returns `true` if the number may end here.
    pub(super) fn is_complete(self) -> bool {
        match self {
            Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits => true,
            Self::Minus | Self::Point | Self::Exponent | Self::Sign => false,
        }
    }
}

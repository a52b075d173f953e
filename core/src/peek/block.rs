//! Classifies the bytes of a string, 16 or 64 at once, as bit masks: bit `n` stands for byte `n`.

use wide::u8x16;

/// The bytes of a string that matter to a scanner, among 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StringBlock {
    /// `"`.
    pub(super) quotes: u64,
    /// `\`.
    pub(super) backslashes: u64,
    /// `n` and `t`: after a backslash they are the most frequent escapes.
    pub(super) line_escapes: u64,
    /// `true` if there is a control character, which a string must not contain.
    pub(super) has_control: bool,
}

impl StringBlock {
    /// Returns the characters that a backslash escapes, and the backslash at the end that escapes what follows the
    /// block, if there is one. The first byte must not be escaped itself.
    ///
    /// A run of backslashes escapes each second byte. A run is odd or even by where it starts, and the borrow of one
    /// subtraction runs through each run at once.
    pub(super) fn escaped(&self) -> (u64, bool) {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let after = self.backslashes << 1;
        let alternating = (after | ODD).wrapping_sub(self.backslashes) ^ ODD;
        let escaped = alternating ^ self.backslashes;
        let escaping = alternating & self.backslashes;
        (escaped, escaping >> 63 == 1)
    }
}

/// Returns the quotes, backslashes and control characters.
#[inline]
pub(super) fn special(bytes: [u8; 16]) -> u32 {
    let bytes = u8x16::new(bytes);
    (equal(bytes, b'"') | equal(bytes, b'\\') | control(bytes)).to_bitmask()
}

/// Classifies 64 bytes.
#[inline]
pub(super) fn classify(bytes: &[u8; 64]) -> StringBlock {
    let (sixteens, _) = bytes.as_chunks::<16>();
    let parts: [u8x16; 4] = std::array::from_fn(|part| u8x16::new(sixteens[part]));
    let [one, two, three, four] = parts.map(control);
    StringBlock {
        quotes: mask(parts.map(|part| equal(part, b'"'))),
        backslashes: mask(parts.map(|part| equal(part, b'\\'))),
        line_escapes: mask(parts.map(|part| equal(part, b'n') | equal(part, b't'))),
        has_control: (one | two | three | four).any(),
    }
}

#[inline]
fn equal(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

#[inline]
fn control(bytes: u8x16) -> u8x16 {
    bytes.min(u8x16::splat(0x1F)).simd_eq(bytes)
}

#[inline]
fn mask(parts: [u8x16; 4]) -> u64 {
    let [one, two, three, four] = parts.map(|part| u64::from(part.to_bitmask()));
    one | two << 16 | three << 32 | four << 48
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = [u8; 64]> {
        let frequent = prop::sample::select(b"\"\\\\\\nt\x1f\x20\x00\x80\xff\x7f".to_vec());
        prop::array::uniform32(prop::array::uniform2(
            prop_oneof![3 => frequent, 1 => any::<u8>()],
        ))
        .prop_map(|pairs| {
            let mut bytes = [0; 64];
            for (to, from) in bytes.iter_mut().zip(pairs.into_iter().flatten()) {
                *to = from;
            }
            bytes
        })
    }

    fn mask(bytes: &[u8], test: impl Fn(u8) -> bool) -> u64 {
        let bits = bytes.iter().enumerate();
        bits.map(|(bit, byte)| u64::from(test(*byte)) << bit).sum()
    }

    proptest! {
        #[test]
        fn masks_name_the_bytes(bytes in bytes()) {
            let expected = StringBlock {
                quotes: mask(&bytes, |byte| byte == b'"'),
                backslashes: mask(&bytes, |byte| byte == b'\\'),
                line_escapes: mask(&bytes, |byte| matches!(byte, b'n' | b't')),
                has_control: bytes.iter().any(|byte| *byte < 0x20),
            };
            prop_assert_eq!(classify(&bytes), expected);
            let first = bytes.first_chunk::<16>().unwrap();
            let specials = mask(first, |byte| byte < 0x20 || matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(u64::from(special(*first)), specials);
        }

        #[test]
        fn escaped_bytes_follow_an_escaping_backslash(bytes in bytes()) {
            let (mut expected, mut is_escaped) = (0, false);
            for (bit, byte) in bytes.iter().enumerate() {
                expected |= u64::from(is_escaped) << bit;
                is_escaped = !is_escaped && *byte == b'\\';
            }
            prop_assert_eq!(classify(&bytes).escaped(), (expected, is_escaped));
        }
    }
}

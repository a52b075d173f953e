//! Classifies the bytes of a string, 16 or 64 at once, as bit masks: bit `n` stands for byte `n`.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x32, u8x16, u8x32};

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
    /// Returns the bytes that a backslash escapes, and whether the byte behind the block is escaped. `is_escaped` states
    /// the same about the first byte.
    ///
    /// A run of backslashes escapes each second byte. A run is odd or even by where it starts, and the borrow of one
    /// subtraction runs through each run at once.
    pub(super) fn escaped(&self, is_escaped: bool) -> (u64, bool) {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let first = u64::from(is_escaped);
        let starting = self.backslashes & !first;
        let alternating = ((starting << 1) | ODD).wrapping_sub(starting) ^ ODD;
        let escaped = alternating ^ (self.backslashes | first);
        let escaping = alternating & self.backslashes;
        (escaped, escaping >> 63 == 1)
    }
}

/// Returns the quotes, backslashes and control characters, with the instructions that every processor has.
#[inline]
pub(super) fn special(bytes: &[u8; 16]) -> u64 {
    dispatch!(Level::baseline(), simd => special_with(simd, bytes))
}

#[expect(
    clippy::inline_always,
    reason = "a callee that is not inlined lacks the caller's instructions"
)]
#[inline(always)]
fn special_with<S: Simd>(simd: S, bytes: &[u8; 16]) -> u64 {
    let bytes = u8x16::from_slice(simd, bytes);
    let special = bytes.simd_eq(b'"') | bytes.simd_eq(b'\\') | bytes.simd_lt(0x20);
    special.to_bitmask()
}

/// Classifies 64 bytes with the instructions of the caller.
#[expect(
    clippy::inline_always,
    reason = "a callee that is not inlined lacks the caller's instructions"
)]
#[inline(always)]
pub(super) fn classify<S: Simd>(simd: S, bytes: &[u8; 64]) -> StringBlock {
    let (low, high) = bytes.split_at(32);
    let low = u8x32::from_slice(simd, low);
    let high = u8x32::from_slice(simd, high);
    let mask = |low: mask8x32<S>, high: mask8x32<S>| low.to_bitmask() | high.to_bitmask() << 32;
    StringBlock {
        quotes: mask(low.simd_eq(b'"'), high.simd_eq(b'"')),
        backslashes: mask(low.simd_eq(b'\\'), high.simd_eq(b'\\')),
        line_escapes: mask(
            low.simd_eq(b'n') | low.simd_eq(b't'),
            high.simd_eq(b'n') | high.simd_eq(b't'),
        ),
        has_control: low.min(high).simd_le(0x1F).any_true(),
    }
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

    /// Classifies with this processor's instructions, and with those that every processor has.
    fn classify_on_every_level(bytes: &[u8; 64]) -> [StringBlock; 2] {
        [Level::new(), Level::baseline()]
            .map(|level| dispatch!(level, simd => classify(simd, bytes)))
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
            prop_assert_eq!(classify_on_every_level(&bytes), [expected; 2]);
            let first = bytes.first_chunk::<16>().unwrap();
            let specials = mask(first, |byte| byte < 0x20 || matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(special(first), specials);
        }

        #[test]
        fn escaped_bytes_follow_an_escaping_backslash(bytes in bytes(), first: bool) {
            let (mut expected, mut is_escaped) = (0, first);
            for (bit, byte) in bytes.iter().enumerate() {
                expected |= u64::from(is_escaped) << bit;
                is_escaped = !is_escaped && *byte == b'\\';
            }
            let block = dispatch!(Level::new(), simd => classify(simd, &bytes));
            prop_assert_eq!(block.escaped(first), (expected, is_escaped));
        }
    }
}

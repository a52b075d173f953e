//! Decoders for encodings that can hide a secret, with the original offset of each byte.
//!
//! Invariant: an input that is not encoded decodes to nothing or to itself; no decoder fails.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// Maximum number of inflated bytes per gzip member: 64 MiB.
const MAX_MEMBER_BYTES: u64 = 64 << 20;

/// Decoded bytes and, for each, its offset in the input.
pub(super) struct DecodedView {
    pub(super) bytes: Vec<u8>,
    pub(super) offsets: Vec<usize>,
}

/// Decodes percent-encoding; `None` if there is no percent sign.
pub(super) fn percent(data: &[u8]) -> Option<DecodedView> {
    decode(data, b'%', |rest| {
        hex_value(rest.get(1..3)?).map(|value| (value, 3))
    })
}

/// Decodes JSON's `\u` escapes of ASCII and the `\x` escapes of other notations; `None` if there is no backslash.
pub(super) fn backslash(data: &[u8]) -> Option<DecodedView> {
    decode(data, b'\\', |rest| match rest.get(1)? {
        b'u' if rest.get(2..4)? == b"00" => hex_value(rest.get(4..6)?).map(|value| (value, 6)),
        b'x' => hex_value(rest.get(2..4)?).map(|value| (value, 4)),
        byte @ (b'"' | b'\\' | b'/') => Some((*byte, 2)),
        _ => None,
    })
}

/// Inflates each gzip member, as far as possible; returns its offset and content.
pub(super) fn gzip_members(data: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let starts = data
        .windows(3)
        .enumerate()
        .filter(|(_, start)| start == b"\x1f\x8b\x08");
    starts
        .filter_map(|(at, _)| {
            let mut inflated = Vec::new();
            let mut member = GzDecoder::new(&data[at..]).take(MAX_MEMBER_BYTES);
            // A truncated member ends in an error after the bytes that could be inflated; these are used.
            let _truncated_or_complete = member.read_to_end(&mut inflated);
            (!inflated.is_empty()).then_some((at, inflated))
        })
        .collect()
}

fn decode(
    data: &[u8],
    escape_byte: u8,
    unescape: impl Fn(&[u8]) -> Option<(u8, usize)>,
) -> Option<DecodedView> {
    if !data.contains(&escape_byte) {
        return None;
    }
    let (mut bytes, mut offsets) = (
        Vec::with_capacity(data.len()),
        Vec::with_capacity(data.len()),
    );
    let mut at = 0;
    while at < data.len() {
        let escape = if data[at] == escape_byte {
            unescape(&data[at..])
        } else {
            None
        };
        let (byte, width) = escape.unwrap_or((data[at], 1));
        bytes.push(byte);
        offsets.push(at);
        at += width;
    }
    Some(DecodedView { bytes, offsets })
}

fn hex_value(digits: &[u8]) -> Option<u8> {
    let mut value = [0];
    hex::decode_to_slice(digits, &mut value).ok()?;
    Some(value[0])
}

//! Undoes what a secret may be wrapped in, and keeps where each byte came from.
//!
//! Invariant: an input that is no such wrapping decodes to nothing or to itself; nothing here fails.

use std::io::Read as _;

use flate2::read::GzDecoder;

/// More than this of one gzip member is not looked at: 64 MiB.
const LARGEST_MEMBER: u64 = 64 << 20;

/// Decoded bytes and, for each, the offset it had in the input.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    pub(super) offsets: Vec<usize>,
}

/// Undoes percent-encoding; none if there is no percent sign.
pub(super) fn percent(data: &[u8]) -> Option<View> {
    view(data, b'%', |rest| {
        hex_value(rest.get(1..3)?).map(|value| (value, 3))
    })
}

/// Undoes JSON's `\u` escapes of ASCII, as well as the `\x` of other notations; none if there is no backslash.
pub(super) fn backslash(data: &[u8]) -> Option<View> {
    view(data, b'\\', |rest| match rest.get(1)? {
        b'u' if rest.get(2..4)? == b"00" => hex_value(rest.get(4..6)?).map(|value| (value, 6)),
        b'x' => hex_value(rest.get(2..4)?).map(|value| (value, 4)),
        mark @ (b'"' | b'\\' | b'/') => Some((*mark, 2)),
        _ => None,
    })
}

/// Inflates each gzip member: its offset, and as much as could be inflated.
pub(super) fn gzip_members(data: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let starts = data
        .windows(3)
        .enumerate()
        .filter(|(_, start)| start == b"\x1f\x8b\x08");
    starts
        .filter_map(|(at, _)| {
            let mut inflated = Vec::new();
            let mut member = GzDecoder::new(&data[at..]).take(LARGEST_MEMBER);
            // A torn member ends in an error after the bytes that could be read: those are kept.
            let _torn_or_whole = member.read_to_end(&mut inflated);
            (!inflated.is_empty()).then_some((at, inflated))
        })
        .collect()
}

fn view(data: &[u8], sign: u8, undo: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Option<View> {
    if !data.contains(&sign) {
        return None;
    }
    let (mut bytes, mut offsets) = (
        Vec::with_capacity(data.len()),
        Vec::with_capacity(data.len()),
    );
    let mut at = 0;
    while at < data.len() {
        let escape = if data[at] == sign {
            undo(&data[at..])
        } else {
            None
        };
        let (byte, width) = escape.unwrap_or((data[at], 1));
        bytes.push(byte);
        offsets.push(at);
        at += width;
    }
    Some(View { bytes, offsets })
}

fn hex_value(digits: &[u8]) -> Option<u8> {
    let mut value = [0];
    hex::decode_to_slice(digits, &mut value).ok()?;
    Some(value[0])
}

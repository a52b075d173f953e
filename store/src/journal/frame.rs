//! A frame: one half of a slot, with the checksum that shows whether all of it was written.
//!
//! Invariant: a frame is written by one call and lies within one page.

use super::record::Fields;

/// Length of a frame's half of a slot in bytes.
pub(super) const HALF_SIZE: usize = 1024;
/// Length of a frame before its body: checksum, length of the body, version, kind and sequence.
const HEAD_SIZE: usize = 16;
/// Maximum length of a frame's body in bytes.
#[cfg(test)]
pub(super) const MAX_BODY_SIZE: usize = HALF_SIZE - HEAD_SIZE;

const VERSION: u8 = 1;

/// The record in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameKind {
    Intent,
    Outcome,
}

impl FrameKind {
    fn number(self) -> u8 {
        match self {
            Self::Intent => 1,
            Self::Outcome => 2,
        }
    }
}

/// One half of a slot as read from the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame<'a> {
    /// Nothing was written since the file was extended.
    Unwritten,
    /// A whole frame.
    Valid { sequence: u64, body: &'a [u8] },
    /// A frame that is incomplete or was changed.
    Damaged,
}

/// Starts a frame: appends the body to the returned bytes, then call [`finish`].
pub(super) fn start() -> Vec<u8> {
    let mut frame = Vec::with_capacity(HALF_SIZE);
    frame.resize(HEAD_SIZE, 0);
    frame
}

/// Writes the head of a frame whose body is complete.
pub(super) fn finish(frame: &mut [u8], kind: FrameKind, sequence: u64) {
    let Some((head, body)) = frame.split_first_chunk_mut::<HEAD_SIZE>() else {
        return;
    };
    // Bodies are bounded by their encoders.
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    head[4..6].copy_from_slice(&length.to_be_bytes());
    head[6] = VERSION;
    head[7] = kind.number();
    head[8..16].copy_from_slice(&sequence.to_be_bytes());
    let checksum = crc32fast::hash(&frame[4..]);
    frame[..4].copy_from_slice(&checksum.to_be_bytes());
}

/// Checks the frame in a half of a slot.
pub(super) fn parse(half: &[u8], expected: FrameKind) -> Frame<'_> {
    if half == [0; HALF_SIZE] {
        return Frame::Unwritten;
    }
    parse_written(half, expected).unwrap_or(Frame::Damaged)
}

fn parse_written(half: &[u8], expected: FrameKind) -> Option<Frame<'_>> {
    let mut fields = Fields::new(half);
    let checksum = u32::from_be_bytes(fields.array()?);
    let length = usize::from(u16::from_be_bytes(fields.array()?));
    let [version, kind] = fields.array()?;
    let sequence = u64::from_be_bytes(fields.array()?);
    let body = half.get(HEAD_SIZE..)?.get(..length)?;
    let is_valid = version == VERSION
        && kind == expected.number()
        && crc32fast::hash(half.get(4..HEAD_SIZE + length)?) == checksum;
    is_valid.then_some(Frame::Valid { sequence, body })
}

//! Blots out our own injected secret where an upstream echoes it: the one change ever made to a body that streams.
//!
//! Invariants: the length never changes, so framing and offsets stay true; bytes are held back only while they could be
//! the beginning of the secret, so a stream is not delayed.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// Watches a body for one secret, across the borders of its pieces.
pub(crate) struct Mask {
    secret: Zeroizing<Vec<u8>>,
    /// The end of what was seen, held back because it may be the beginning of the secret.
    held: Vec<u8>,
}

/// Secrets shorter than this are not looked for: they would blot out ordinary text.
const SHORTEST: usize = 16;

impl Mask {
    pub(crate) fn new(secret: &str) -> Self {
        let secret = if secret.len() < SHORTEST { "" } else { secret };
        Self {
            secret: Zeroizing::new(secret.as_bytes().to_vec()),
            held: Vec::new(),
        }
    }

    /// Watches for nothing.
    pub(crate) fn none() -> Self {
        Self::new("")
    }

    /// Takes the next piece and gives what may go on, which can be nothing.
    pub(crate) fn pass(&mut self, piece: Bytes) -> Bytes {
        if self.secret.is_empty() {
            return piece;
        }
        if self.held.is_empty() && !self.concerns(&piece) {
            return piece;
        }
        let mut seen = std::mem::take(&mut self.held);
        seen.extend_from_slice(&piece);
        blot(&mut seen, &self.secret);
        let keep = longest_beginning(&seen, &self.secret);
        self.held = seen.split_off(seen.len() - keep);
        Bytes::from(seen)
    }

    /// What was still held back when the body ended.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| Bytes::from(std::mem::take(&mut self.held)))
    }

    /// How many bytes are held back.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Blots the secret out of header values.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        if self.secret.is_empty() {
            return;
        }
        for value in headers.values_mut() {
            if find(value.as_bytes(), &self.secret).is_some() {
                let mut bytes = value.as_bytes().to_vec();
                blot(&mut bytes, &self.secret);
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    fn concerns(&self, piece: &[u8]) -> bool {
        find(piece, &self.secret).is_some() || longest_beginning(piece, &self.secret) > 0
    }
}

fn find(text: &[u8], secret: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, secret)
}

fn blot(text: &mut [u8], secret: &[u8]) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| find(rest, secret)) {
        let start = from + at;
        from = start + secret.len();
        text[start..from].fill(b'*');
    }
}

/// How many bytes at the end of `text` are the beginning of `secret`.
fn longest_beginning(text: &[u8], secret: &[u8]) -> usize {
    let most = text.len().min(secret.len().saturating_sub(1));
    (1..=most)
        .rev()
        .find(|&n| text.ends_with(&secret[..n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "sk-ant-made-up-secret";

    fn pass(pieces: &[&[u8]]) -> Vec<u8> {
        let mut mask = Mask::new(SECRET);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&mask.rest().unwrap_or_default());
        out
    }

    #[test]
    fn nothing_is_held_back_that_cannot_be_the_secret() {
        let mut mask = Mask::new(SECRET);
        assert_eq!(
            mask.pass(Bytes::from_static(b"data: hello\n\n")),
            "data: hello\n\n"
        );
        assert_eq!(mask.pass(Bytes::from_static(b"task")), "ta");
        assert_eq!(mask.pass(Bytes::from_static(b"s\n\n")), "sks\n\n");
    }

    proptest! {
        #[test]
        fn the_secret_never_passes_however_it_is_split(
            before in ".{0,20}", after in ".{0,20}", cuts in proptest::collection::vec(0usize..80, 0..5)
        ) {
            let text = format!("{before}{SECRET}{after}");
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= text.len()).collect();
            cuts.push(0);
            cuts.push(text.len());
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let stars = "*".repeat(SECRET.len());
            let out = pass(&pieces);
            prop_assert_eq!(out.len(), text.len());
            prop_assert!(find(&out, SECRET.as_bytes()).is_none());
            prop_assert!(find(&out, stars.as_bytes()).is_some());
        }

        #[test]
        fn anything_else_passes_unchanged(pieces in proptest::collection::vec("[sk\\-ant mde\n]{0,12}", 0..8)) {
            let bytes: Vec<_> = pieces.iter().map(String::as_bytes).collect();
            prop_assume!(!pieces.concat().contains(SECRET));
            prop_assert_eq!(pass(&bytes), pieces.concat().into_bytes());
        }
    }
}

//! Redacts our injected credential if the upstream echoes it: the only change ever made to a streamed body.
//!
//! Invariants: the length never changes, so framing and offsets stay valid; bytes are held back only while they could
//! be the start of the credential, so a stream is not delayed.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// Redacts one secret in a body, across chunk boundaries.
pub(crate) struct Redactor {
    secret: Zeroizing<Vec<u8>>,
    /// The last bytes received, held back because they may be the start of the secret.
    pending: Vec<u8>,
}

/// The minimum length of a secret to redact: a shorter one would match ordinary text.
const MIN_SECRET_LENGTH: usize = 16;

impl Redactor {
    pub(crate) fn new(secret: &str) -> Self {
        let secret = if secret.len() < MIN_SECRET_LENGTH {
            ""
        } else {
            secret
        };
        Self {
            secret: Zeroizing::new(secret.as_bytes().to_vec()),
            pending: Vec::new(),
        }
    }

    /// Returns a redactor that changes nothing.
    pub(crate) fn disabled() -> Self {
        Self::new("")
    }

    /// Takes the next chunk and returns the bytes that may be sent now, possibly none.
    pub(crate) fn redact_chunk(&mut self, chunk: Bytes) -> Bytes {
        if self.secret.is_empty() {
            return chunk;
        }
        if self.pending.is_empty() && !self.may_match(&chunk) {
            return chunk;
        }
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(&chunk);
        redact(&mut bytes, &self.secret);
        let pending = partial_match_length(&bytes, &self.secret);
        self.pending = bytes.split_off(bytes.len() - pending);
        Bytes::from(bytes)
    }

    /// Returns the bytes still held back at the end of the body.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        (!self.pending.is_empty()).then(|| Bytes::from(std::mem::take(&mut self.pending)))
    }

    /// The number of bytes held back.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Redacts the secret in header values.
    pub(crate) fn redact_headers(&self, headers: &mut HeaderMap) {
        if self.secret.is_empty() {
            return;
        }
        for value in headers.values_mut() {
            if find(value.as_bytes(), &self.secret).is_some() {
                let mut bytes = value.as_bytes().to_vec();
                redact(&mut bytes, &self.secret);
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    fn may_match(&self, chunk: &[u8]) -> bool {
        find(chunk, &self.secret).is_some() || partial_match_length(chunk, &self.secret) > 0
    }
}

fn find(text: &[u8], secret: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, secret)
}

/// Overwrites every occurrence of the secret with asterisks.
fn redact(text: &mut [u8], secret: &[u8]) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| find(rest, secret)) {
        let start = from + at;
        from = start + secret.len();
        text[start..from].fill(b'*');
    }
}

/// The number of bytes at the end of `text` that are a prefix of `secret`.
fn partial_match_length(text: &[u8], secret: &[u8]) -> usize {
    let max = text.len().min(secret.len().saturating_sub(1));
    (1..=max)
        .rev()
        .find(|&n| text.ends_with(&secret[..n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "sk-ant-made-up-secret";

    fn redact_all(chunks: &[&[u8]]) -> Vec<u8> {
        let mut redactor = Redactor::new(SECRET);
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&redactor.redact_chunk(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&redactor.finish().unwrap_or_default());
        out
    }

    #[test]
    fn only_a_possible_start_of_the_secret_is_held_back() {
        let mut redactor = Redactor::new(SECRET);
        assert_eq!(
            redactor.redact_chunk(Bytes::from_static(b"data: hello\n\n")),
            "data: hello\n\n"
        );
        assert_eq!(redactor.redact_chunk(Bytes::from_static(b"task")), "ta");
        assert_eq!(
            redactor.redact_chunk(Bytes::from_static(b"s\n\n")),
            "sks\n\n"
        );
    }

    proptest! {
        #[test]
        fn secret_is_redacted_however_it_is_split(
            before in ".{0,20}", after in ".{0,20}", cuts in proptest::collection::vec(0usize..80, 0..5)
        ) {
            let text = format!("{before}{SECRET}{after}");
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= text.len()).collect();
            cuts.push(0);
            cuts.push(text.len());
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let stars = "*".repeat(SECRET.len());
            let out = redact_all(&chunks);
            prop_assert_eq!(out.len(), text.len());
            prop_assert!(find(&out, SECRET.as_bytes()).is_none());
            prop_assert!(find(&out, stars.as_bytes()).is_some());
        }

        #[test]
        fn other_text_is_unchanged(chunks in proptest::collection::vec("[sk\\-ant mde\n]{0,12}", 0..8)) {
            let bytes: Vec<_> = chunks.iter().map(String::as_bytes).collect();
            prop_assume!(!chunks.concat().contains(SECRET));
            prop_assert_eq!(redact_all(&bytes), chunks.concat().into_bytes());
        }
    }
}

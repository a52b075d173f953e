//! Ids in a response, derived from the request and the number of earlier ones: no random value.

/// Seed of the ids in one response: the same requests in the same order get the same ids.
#[derive(Clone, Copy)]
pub(crate) struct ResponseIds(blake3::Hash);

impl ResponseIds {
    /// Derives the seed from the request body and the number of earlier responses.
    pub(crate) fn new(body: &blake3::Hash, earlier: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(body.as_bytes())
            .update(&earlier.to_le_bytes());
        Self(hasher.finalize())
    }

    /// Returns the request id.
    pub(crate) fn request_id(self) -> String {
        self.id("req_011C")
    }

    /// Returns an id of 22 base-62 characters after a prefix such as `msg_01`, like those of the API.
    pub(crate) fn id(self, prefix: &str) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let hash = blake3::keyed_hash(self.0.as_bytes(), prefix.as_bytes());
        let digits = hash.as_bytes()[..22]
            .iter()
            .map(|byte| DIGITS[usize::from(*byte) % 62]);
        prefix.chars().chain(digits.map(char::from)).collect()
    }
}

//! An error response: its status, its headers and the start of its body.

/// Maximum number of body bytes parsed: 64 KiB.
pub const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// A response with a status other than success.
#[derive(Clone, Copy, Debug)]
pub struct ErrorResponse<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Header names (case-insensitive) and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The start of the body; bytes beyond [`MAX_ERROR_BODY_BYTES`] are ignored.
    pub body: &'a [u8],
}

impl<'a> ErrorResponse<'a> {
    /// Returns the first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

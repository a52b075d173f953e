//! Head and body framing, shared by requests and responses.
//!
//! Invariant: parsing is strict on purpose. An invalid chunk size or length is a [`FramingError`], never guessed.

/// The start line and the headers of a message, in order; bytes beyond ASCII are read as Latin-1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Request or status line, without the line end.
    pub line: String,
    /// Names as received, and values without surrounding spaces.
    pub headers: Vec<(String, String)>,
}

/// Framing of a body, with the state of the remaining part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// This many bytes remain.
    Sized(usize),
    /// A chunk size line is next.
    ChunkSize,
    /// This many bytes of a chunk remain.
    ChunkData(usize),
    /// The line end after a chunk is next.
    ChunkEnd,
    /// The final empty line is next. Trailers are not supported.
    LastLine,
    /// The body ends with the connection.
    UntilClose,
}

/// The received part of a body, without framing.
#[derive(Clone, Debug)]
pub(crate) struct MessageBody {
    pub(crate) bytes: Vec<u8>,
    framing: Framing,
}

/// Invalid framing of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FramingError;

impl Head {
    /// Takes a complete head off the front of `received`; `None` while its empty line is missing.
    pub(crate) fn take(received: &mut Vec<u8>) -> Option<Self> {
        let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let text: String = received.drain(..end + 4).map(char::from).collect();
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let line = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        });
        Some(Self {
            line,
            headers: headers.collect(),
        })
    }

    /// Returns the status code of a response, or 0 if the line has none.
    pub fn status(&self) -> u16 {
        self.line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    /// Returns the first value of a header; the name is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).next()
    }

    /// Returns all values of a header.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the framing of the body, or `default` if no header defines it.
    pub(crate) fn framing(&self, default: Framing) -> Result<Framing, FramingError> {
        if let Some(coding) = self.header("transfer-encoding") {
            return if coding.eq_ignore_ascii_case("chunked") {
                Ok(Framing::ChunkSize)
            } else {
                Err(FramingError)
            };
        }
        match self.header("content-length") {
            Some(length) => length.parse().map(Framing::Sized).map_err(|_| FramingError),
            None => Ok(default),
        }
    }
}

impl MessageBody {
    /// Returns an empty body.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            bytes: Vec::new(),
            framing,
        }
    }

    /// Takes this body's bytes off the front of `received`.
    pub(crate) fn feed(&mut self, received: &mut Vec<u8>) -> Result<(), FramingError> {
        while !self.is_complete() {
            let next = match self.framing {
                Framing::Sized(remaining) => {
                    Framing::Sized(remaining - self.take(received, remaining))
                }
                Framing::UntilClose => {
                    self.bytes.append(received);
                    return Ok(());
                }
                Framing::ChunkData(remaining) => match remaining - self.take(received, remaining) {
                    0 => Framing::ChunkEnd,
                    remaining => Framing::ChunkData(remaining),
                },
                Framing::ChunkSize | Framing::ChunkEnd | Framing::LastLine => {
                    let Some(line) = take_line(received) else {
                        return Ok(());
                    };
                    after_line(self.framing, &line)?
                }
            };
            if next == self.framing {
                return Ok(()); // no more bytes have arrived
            }
            self.framing = next;
        }
        Ok(())
    }

    /// Returns `true` if the body is complete. A body that ends with its connection never is.
    pub(crate) fn is_complete(&self) -> bool {
        self.framing == Framing::Sized(0)
    }

    /// Returns `true` if the body ends with the connection.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    fn take(&mut self, received: &mut Vec<u8>, remaining: usize) -> usize {
        let count = remaining.min(received.len());
        self.bytes.extend(received.drain(..count));
        count
    }
}

/// Returns the state after a line of chunked framing.
fn after_line(framing: Framing, line: &str) -> Result<Framing, FramingError> {
    match framing {
        Framing::ChunkSize => {
            let digits = line.split(';').next().unwrap_or_default();
            match usize::from_str_radix(digits, 16).map_err(|_| FramingError)? {
                0 => Ok(Framing::LastLine),
                size => Ok(Framing::ChunkData(size)),
            }
        }
        Framing::ChunkEnd => line
            .is_empty()
            .then_some(Framing::ChunkSize)
            .ok_or(FramingError),
        Framing::LastLine if line.is_empty() => Ok(Framing::Sized(0)),
        Framing::LastLine | Framing::Sized(_) | Framing::ChunkData(_) | Framing::UntilClose => {
            Err(FramingError)
        }
    }
}

fn take_line(received: &mut Vec<u8>) -> Option<String> {
    let end = received.windows(2).position(|bytes| bytes == b"\r\n")?;
    let line: Vec<u8> = received.drain(..end + 2).collect();
    Some(line[..end].iter().copied().map(char::from).collect())
}

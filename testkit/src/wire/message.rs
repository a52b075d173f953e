//! The parts that requests and answers share: a head, and the framing of a body.
//!
//! Invariant: strict on purpose. A chunk size or a length that is not plain is [`Malformed`], never guessed at.

/// The start line and the headers of a message, in order; bytes beyond ASCII are read as Latin-1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The request or status line, without its line end.
    pub line: String,
    /// Names as they were written, and values without the spaces around them.
    pub headers: Vec<(String, String)>,
}

/// How the end of a body is known, and how much of it is still to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// So many bytes are missing.
    Sized(usize),
    /// A chunk's size line comes next.
    ChunkSize,
    /// So many bytes of a chunk are missing.
    ChunkData(usize),
    /// The line end behind a chunk comes next.
    ChunkEnd,
    /// The last empty line comes next: nobody here sends trailers.
    LastLine,
    /// It ends with the connection.
    UntilClose,
}

/// A body as far as it has arrived, without its framing.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    framing: Framing,
}

/// The framing of a body cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

impl Head {
    /// Takes a whole head off the front of `arrived`; none as long as its empty line is missing.
    pub(crate) fn take(arrived: &mut Vec<u8>) -> Option<Self> {
        let end = arrived.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let text: String = arrived.drain(..end + 4).map(char::from).collect();
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

    /// The status code of an answer; 0 where the line has none.
    pub fn status(&self) -> u16 {
        self.line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// How the body is framed, or `otherwise` where no header says.
    pub(crate) fn framing(&self, otherwise: Framing) -> Result<Framing, Malformed> {
        if let Some(coding) = self.header("transfer-encoding") {
            return if coding.eq_ignore_ascii_case("chunked") {
                Ok(Framing::ChunkSize)
            } else {
                Err(Malformed)
            };
        }
        match self.header("content-length") {
            Some(length) => length.parse().map(Framing::Sized).map_err(|_| Malformed),
            None => Ok(otherwise),
        }
    }
}

impl Body {
    /// An empty body of which all is to come.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            bytes: Vec::new(),
            framing,
        }
    }

    /// Takes off the front of `arrived` what belongs to this body.
    pub(crate) fn feed(&mut self, arrived: &mut Vec<u8>) -> Result<(), Malformed> {
        while !self.is_whole() {
            let next = match self.framing {
                Framing::Sized(missing) => Framing::Sized(missing - self.take(arrived, missing)),
                Framing::UntilClose => {
                    self.bytes.append(arrived);
                    return Ok(());
                }
                Framing::ChunkData(missing) => match missing - self.take(arrived, missing) {
                    0 => Framing::ChunkEnd,
                    missing => Framing::ChunkData(missing),
                },
                Framing::ChunkSize | Framing::ChunkEnd | Framing::LastLine => {
                    let Some(line) = take_line(arrived) else {
                        return Ok(());
                    };
                    after_line(self.framing, &line)?
                }
            };
            if next == self.framing {
                return Ok(()); // nothing of it has arrived
            }
            self.framing = next;
        }
        Ok(())
    }

    /// Whether nothing more is to come. A body that ends with its connection never is.
    pub(crate) fn is_whole(&self) -> bool {
        self.framing == Framing::Sized(0)
    }

    /// Whether the end of the connection is its end.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    fn take(&mut self, arrived: &mut Vec<u8>, missing: usize) -> usize {
        let count = missing.min(arrived.len());
        self.bytes.extend(arrived.drain(..count));
        count
    }
}

/// What comes behind a line of chunked framing.
fn after_line(framing: Framing, line: &str) -> Result<Framing, Malformed> {
    match framing {
        Framing::ChunkSize => {
            let digits = line.split(';').next().unwrap_or_default();
            match usize::from_str_radix(digits, 16).map_err(|_| Malformed)? {
                0 => Ok(Framing::LastLine),
                size => Ok(Framing::ChunkData(size)),
            }
        }
        Framing::ChunkEnd => line
            .is_empty()
            .then_some(Framing::ChunkSize)
            .ok_or(Malformed),
        Framing::LastLine if line.is_empty() => Ok(Framing::Sized(0)),
        Framing::LastLine | Framing::Sized(_) | Framing::ChunkData(_) | Framing::UntilClose => {
            Err(Malformed)
        }
    }
}

fn take_line(arrived: &mut Vec<u8>) -> Option<String> {
    let end = arrived.windows(2).position(|bytes| bytes == b"\r\n")?;
    let line: Vec<u8> = arrived.drain(..end + 2).collect();
    Some(line[..end].iter().copied().map(char::from).collect())
}

//! The scanner: follows the grammar of JSON through a body that arrives in pieces.

use simdutf8::compat::from_utf8;

use super::Peek;
use super::containers::Containers;
use super::error::{BodyError, SyntaxError};
use super::literal::{Literal, LiteralWord};
use super::members::{RequestFields, Role, wrong_type};
use super::number::Number;
use super::skip::{Skipper, StringEnd};
use super::text::Text;

/// Reads a request body piece by piece, each once.
///
/// ```
/// let mut scanner = keyreeve_core::peek::Scanner::new();
/// scanner.push(br#"{"mod"#)?;
/// scanner.push(br#"el": "claude-haiku-5-5"}"#)?;
/// assert_eq!(scanner.finish()?.model.as_deref(), Some("claude-haiku-5-5"));
/// # Ok::<_, keyreeve_core::peek::BodyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scanner {
    state: State,
    containers: Containers,
    /// The purpose of the value that follows or is being read.
    role: Role,
    skipper: Skipper,
    text: Text,
    /// The value of `max_tokens` so far; `None` if it is no whole number.
    whole_number: Option<u64>,
    fields: RequestFields,
    /// The first bytes of a character that was cut between pieces.
    cut_char: CutChar,
    /// Number of bytes in earlier pieces, without the cut character.
    offset: u64,
}

/// The bytes that may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The request's object.
    Start,
    /// A name, or the end of an empty object.
    FirstName,
    Name,
    /// The rest of a name that is not read.
    SkippedName,
    /// The rest of a name that may be relevant.
    ReadName,
    Colon,
    /// A value, or the end of an empty array.
    FirstElement,
    Value,
    /// The rest of a string that is not read.
    SkippedText,
    /// The rest of a string that is read.
    ReadText,
    Number(Number),
    Literal(Literal),
    /// A comma, or the end of the object or array.
    AfterValue,
    /// Nothing but white space.
    End,
    /// Nothing: there was an error.
    Failed,
}

/// The first bytes of a character that is cut between two pieces.
#[derive(Clone, Copy, Default, Debug)]
struct CutChar {
    bytes: [u8; 4],
    len: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Creates a scanner at the start of a body.
    pub fn new() -> Self {
        Self {
            state: State::Start,
            containers: Containers::default(),
            role: Role::Plain,
            skipper: Skipper::new(),
            text: Text::default(),
            whole_number: None,
            fields: RequestFields::default(),
            cut_char: CutChar::default(),
            offset: 0,
        }
    }

    /// Reads the next piece, which may end anywhere.
    ///
    /// # Errors
    /// [`BodyError`]; no later call accepts the body.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        self.push_utf8(piece).map_err(|error| {
            self.state = State::Failed;
            *error
        })
    }

    /// Returns the fields of the body, which ends here.
    ///
    /// # Errors
    /// [`BodyError`] if the body is not complete, or a piece of it was refused.
    pub fn finish(self) -> Result<Peek, BodyError> {
        match self.state {
            _ if self.cut_char.len > 0 => Err(BodyError::NotUtf8),
            State::End => Ok(self.fields.peek),
            _ => Err(BodyError::NotAnObject(SyntaxError::End)),
        }
    }

    /// Scans the whole characters of a piece, and keeps a cut one for the next piece.
    fn push_utf8(&mut self, piece: &[u8]) -> Result<(), Box<BodyError>> {
        let mut rest = piece;
        while self.cut_char.len > 0
            && let Some((byte, after)) = rest.split_first()
        {
            rest = after;
            let CutChar { mut bytes, len } = self.cut_char;
            bytes[len] = *byte;
            self.cut_char = CutChar {
                bytes,
                len: len + 1,
            };
            match std::str::from_utf8(&bytes[..=len]) {
                Ok(char) => {
                    self.cut_char.len = 0;
                    self.scan(char.as_bytes())?;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(BodyError::NotUtf8.into()),
            }
        }
        let Err(error) = from_utf8(rest) else {
            return self.scan(rest);
        };
        let (valid, cut) = rest.split_at(error.valid_up_to());
        self.scan(valid)?;
        if error.error_len().is_some() {
            return Err(BodyError::NotUtf8.into());
        }
        self.cut_char.bytes[..cut.len()].copy_from_slice(cut);
        self.cut_char.len = cut.len();
        Ok(())
    }

    fn scan(&mut self, bytes: &[u8]) -> Result<(), Box<BodyError>> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at = match self.state {
                State::SkippedName | State::SkippedText => self.skip_strings(bytes, at)?,
                State::ReadName | State::ReadText => self.read_string(bytes, at)?,
                State::Number(number) => self.number(number, bytes, at)?,
                State::Literal(literal) => self.literal(literal, byte, at)?,
                State::Failed => return Err(self.unexpected(at).into()),
                State::Start
                | State::FirstName
                | State::Name
                | State::Colon
                | State::FirstElement
                | State::Value
                | State::AfterValue
                | State::End => {
                    if is_white_space(byte) {
                        after_white_space(bytes, at + 1)
                    } else {
                        self.structural(byte, at)?;
                        at + 1
                    }
                }
            };
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Skips a string, and as many more as follow it directly, in objects or arrays that are not read; returns the
    /// index of the next byte.
    fn skip_strings(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, Box<BodyError>> {
        loop {
            let end = match self.skipper.skip(bytes, at) {
                StringEnd::At(end) => end,
                StringEnd::InNextPiece => return Ok(bytes.len()),
                StringEnd::Invalid(index) => return Err(self.unexpected(index).into()),
            };
            let next = bytes.get(end..).and_then(|rest| rest.first_chunk());
            self.state = match (self.state, next) {
                (State::SkippedName, Some(b":\"")) => State::SkippedText,
                (State::SkippedText, Some(b",\"")) if self.containers.is_opaque_object() => {
                    State::SkippedName
                }
                (State::SkippedName, _) => {
                    self.state = State::Colon;
                    return Ok(end);
                }
                _ => {
                    self.state = State::AfterValue;
                    return Ok(end);
                }
            };
            at = end + 2;
        }
    }

    /// Reads a string that a decision depends on; returns the index of the next byte.
    fn read_string(&mut self, bytes: &[u8], at: usize) -> Result<usize, Box<BodyError>> {
        let end = match self.text.read(bytes, at) {
            StringEnd::At(end) => end,
            StringEnd::InNextPiece => return Ok(bytes.len()),
            StringEnd::Invalid(index) => return Err(self.unexpected(index).into()),
        };
        if self.state == State::ReadName {
            self.read_name(end)?;
            self.state = State::Colon;
        } else {
            self.fields.text(self.role, self.text.get())?;
            self.state = State::AfterValue;
        }
        Ok(end)
    }

    /// Finds the role of the value whose name ends here.
    fn read_name(&mut self, end: usize) -> Result<(), Box<BodyError>> {
        let (Some(place), Some(name)) = (self.containers.place(), self.text.get()) else {
            return Err(self.unexpected(end - 1).into());
        };
        self.role = self.fields.role(place, name)?;
        Ok(())
    }

    /// Reads a byte outside of strings, numbers, literals and white space.
    #[inline]
    fn structural(&mut self, byte: u8, at: usize) -> Result<(), Box<BodyError>> {
        self.state = match (self.state, byte) {
            (State::FirstName | State::Name, b'"') => self.start_name(),
            (State::Colon, b':') => State::Value,
            (State::AfterValue, b',') => self.after_comma(),
            (State::AfterValue | State::FirstName, b'}') if self.containers.is_object() => {
                self.close()
            }
            (State::AfterValue | State::FirstElement, b']') if !self.containers.is_object() => {
                self.close()
            }
            (State::FirstElement | State::Value, b'"') => self.start_text()?,
            (State::FirstElement | State::Value, b'{' | b'[') => self.open(byte)?,
            (State::FirstElement | State::Value, _) => self.start_scalar(byte, at)?,
            (State::Start, b'{') => {
                self.containers.open_object(Role::Plain);
                State::FirstName
            }
            _ => return Err(self.unexpected(at).into()),
        };
        Ok(())
    }

    fn start_name(&mut self) -> State {
        if self.containers.place().is_none() {
            self.role = Role::Opaque;
            return State::SkippedName;
        }
        self.text.clear();
        State::ReadName
    }

    fn after_comma(&mut self) -> State {
        if self.containers.is_object() {
            return State::Name;
        }
        self.role = self.containers.element_role();
        State::Value
    }

    fn close(&mut self) -> State {
        self.containers.close();
        if self.containers.is_empty() {
            State::End
        } else {
            State::AfterValue
        }
    }

    fn start_scalar(&mut self, byte: u8, at: usize) -> Result<State, Box<BodyError>> {
        match byte {
            b't' | b'f' => self.start_bool(byte == b't'),
            b'n' => Ok(State::Literal(Literal::start(LiteralWord::Null))),
            _ => self.start_number(byte, at),
        }
    }

    fn start_text(&mut self) -> Result<State, Box<BodyError>> {
        match self.role {
            Role::Model | Role::UserId | Role::OtherModel => {
                self.text.clear();
                Ok(State::ReadText)
            }
            Role::Stream | Role::MaxTokens => Err(wrong_type(self.role).into()),
            Role::Plain | Role::Opaque | Role::Metadata => Ok(State::SkippedText),
        }
    }

    fn open(&mut self, byte: u8) -> Result<State, Box<BodyError>> {
        let role = match self.role {
            Role::Model | Role::Stream | Role::MaxTokens => {
                return Err(wrong_type(self.role).into());
            }
            Role::UserId => Role::Opaque,
            Role::Metadata if byte == b'[' => Role::Opaque,
            Role::Plain | Role::Opaque | Role::Metadata | Role::OtherModel => self.role,
        };
        let (is_open, state) = if byte == b'{' {
            (self.containers.open_object(role), State::FirstName)
        } else {
            (self.containers.open_array(role), State::FirstElement)
        };
        self.role = self.containers.element_role();
        if is_open {
            Ok(state)
        } else {
            Err(BodyError::TooDeep.into())
        }
    }

    fn start_bool(&mut self, value: bool) -> Result<State, Box<BodyError>> {
        match self.role {
            Role::Stream => self.fields.peek.stream = value,
            Role::Model | Role::MaxTokens => return Err(wrong_type(self.role).into()),
            Role::Plain | Role::Opaque | Role::Metadata | Role::UserId | Role::OtherModel => {}
        }
        let word = if value {
            LiteralWord::True
        } else {
            LiteralWord::False
        };
        Ok(State::Literal(Literal::start(word)))
    }

    fn start_number(&mut self, byte: u8, at: usize) -> Result<State, Box<BodyError>> {
        let number = Number::start(byte).ok_or_else(|| self.unexpected(at))?;
        self.whole_number = match self.role {
            Role::MaxTokens => digit(byte),
            Role::Model | Role::Stream => return Err(wrong_type(self.role).into()),
            Role::Plain | Role::Opaque | Role::Metadata | Role::UserId | Role::OtherModel => None,
        };
        Ok(State::Number(number))
    }

    /// Reads the rest of a number in this piece; returns the index of the next byte.
    fn number(
        &mut self,
        mut number: Number,
        bytes: &[u8],
        at: usize,
    ) -> Result<usize, Box<BodyError>> {
        for (index, byte) in bytes.iter().enumerate().skip(at) {
            let Some(next) = number.advance(*byte) else {
                return self.end_number(number, index);
            };
            number = next;
            self.whole_number = self
                .whole_number
                .and_then(|value| value.checked_mul(10)?.checked_add(digit(*byte)?));
        }
        self.state = State::Number(number);
        Ok(bytes.len())
    }

    fn end_number(&mut self, number: Number, at: usize) -> Result<usize, Box<BodyError>> {
        if !number.is_complete() {
            return Err(self.unexpected(at).into());
        }
        if self.role == Role::MaxTokens {
            let value = self.whole_number.ok_or_else(|| wrong_type(self.role))?;
            self.fields.peek.max_tokens = Some(value);
        }
        self.state = State::AfterValue;
        Ok(at)
    }

    fn literal(&mut self, literal: Literal, byte: u8, at: usize) -> Result<usize, Box<BodyError>> {
        let next = literal.advance(byte).ok_or_else(|| self.unexpected(at))?;
        self.state = if next.is_complete() {
            State::AfterValue
        } else {
            State::Literal(next)
        };
        Ok(at + 1)
    }

    fn unexpected(&self, at: usize) -> BodyError {
        BodyError::NotAnObject(SyntaxError::Byte(self.offset + at as u64))
    }
}

/// Returns the index of the first byte from `at` that is not white space.
#[inline]
fn after_white_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_white_space(*byte)) {
        at += 1;
    }
    at
}

#[inline]
fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

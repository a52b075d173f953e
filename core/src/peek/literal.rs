//! The words of JSON, a byte at a time.

/// `true`, `false` or `null`, as far as it has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Literal {
    word: LiteralWord,
    /// Number of bytes read.
    read: u8,
}

/// A word of JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LiteralWord {
    True,
    False,
    Null,
}

impl Literal {
    /// Starts a word whose first byte has been read.
    pub(super) fn start(word: LiteralWord) -> Self {
        Self { word, read: 1 }
    }

    /// Reads another byte; `None` if it does not continue the word.
    pub(super) fn advance(self, byte: u8) -> Option<Self> {
        let expected = self.word.bytes().get(usize::from(self.read))?;
        (*expected == byte).then_some(Self {
            word: self.word,
            read: self.read + 1,
        })
    }

    /// Returns `true` if the whole word has been read.
    pub(super) fn is_complete(self) -> bool {
        usize::from(self.read) == self.word.bytes().len()
    }
}

impl LiteralWord {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }
}

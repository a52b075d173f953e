//! What a client makes of one value: nothing, a credential, or something it cannot send.

use std::fmt;

/// A value that may be a credential, as a client reads it.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    Empty,
    Value(&'a str),
    Broken(Flaw),
}

/// What a client does with blanks around a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// It takes them off, so that a blank value is an empty one.
    TakenOff,
    /// It takes them off, and sends what is left even where that is nothing, unless it was empty before.
    TakenOffAndSent,
    /// It sends them, which a server library refuses to do.
    Fatal,
}

/// Why a credential cannot be used. The place says where to look and never what stands there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flaw {
    /// It is no UTF-8.
    NotText,
    /// It has a line break, at this character (the first is 1).
    LineBreak(usize),
    /// It has a control character, or one that no header can hold, at this character (the first is 1).
    BadCharacter(usize),
    /// It begins or ends with blanks, or is nothing else.
    Blanks,
    /// There is no such profile.
    NoSuchProfile,
    /// The file it should be in is damaged.
    Damaged,
    /// The file it should be in may not be read, or is open to others.
    Refused,
    /// Its time is over, and nothing renews it.
    Expired,
    /// It may not be used to ask models.
    NoInference,
    /// It should be an address, and is empty.
    NoAddress,
    /// There is no credential beside its configuration.
    NoCredential,
}

/// A variable that switches something on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Absent,
    /// Empty, `0`, `false`, `no` or `off`.
    Off,
    /// `1`, `true`, `yes` or `on`.
    On,
    /// Set to something else. Versions differ in what they make of it.
    PerhapsOn,
}

impl<'a> Reading<'a> {
    pub(super) fn of(value: &'a str, blanks: Blanks) -> Self {
        let trimmed = value.trim();
        let (sent, is_empty) = match blanks {
            Blanks::TakenOff => (trimmed, trimmed.is_empty()),
            Blanks::TakenOffAndSent => (trimmed, value.is_empty()),
            Blanks::Fatal => (value, value.is_empty()),
        };
        match flaw(sent) {
            Some(flaw) => Self::Broken(flaw),
            None if is_empty => Self::Empty,
            None if sent != trimmed => Self::Broken(Flaw::Blanks),
            None => Self::Value(sent),
        }
    }
}

impl Switch {
    /// Reads a value; none is a variable that is not set.
    pub(super) fn of(value: Option<&str>) -> Self {
        match value
            .map(|value| value.trim().to_ascii_lowercase())
            .as_deref()
        {
            None => Self::Absent,
            Some("" | "0" | "false" | "no" | "off") => Self::Off,
            Some("1" | "true" | "yes" | "on") => Self::On,
            Some(_) => Self::PerhapsOn,
        }
    }

    pub(super) fn is_on(self) -> bool {
        match self {
            Self::On | Self::PerhapsOn => true,
            Self::Absent | Self::Off => false,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not UTF-8"),
            Self::LineBreak(place) => write!(f, "it has a line break at character {place}"),
            Self::BadCharacter(place) => {
                write!(
                    f,
                    "it has a character that no header can hold at character {place}"
                )
            }
            Self::Blanks => f.write_str("there are blanks around it"),
            Self::NoSuchProfile => f.write_str("there is no such profile"),
            Self::Damaged => f.write_str("its file is damaged"),
            Self::Refused => f.write_str("its file may not be read, or is open to others"),
            Self::Expired => f.write_str("its time is over and nothing renews it"),
            Self::NoInference => f.write_str("it may not be used to ask models"),
            Self::NoAddress => f.write_str("it is empty, which is no address"),
            Self::NoCredential => f.write_str("there is no credential for it"),
        }
    }
}

fn flaw(value: &str) -> Option<Flaw> {
    let cannot_be_sent = |c: char| (c.is_control() && c != '\t') || c > '\u{ff}';
    let (before, c) = value
        .chars()
        .enumerate()
        .find(|(_, c)| cannot_be_sent(*c))?;
    let place = before + 1;
    Some(if matches!(c, '\n' | '\r') {
        Flaw::LineBreak(place)
    } else {
        Flaw::BadCharacter(place)
    })
}

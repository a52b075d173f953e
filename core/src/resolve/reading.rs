//! What a client makes of one variable: nothing, a value, or something it cannot send.

use std::fmt;

use crate::snapshot::Environment;

use super::chain::Blanks;

/// A variable that holds a credential, as a client reads it.
pub(super) enum Reading<'a> {
    Absent,
    Empty,
    Value(&'a str),
    Broken(Flaw),
}

/// Why a value cannot be sent in a header. The place says where to look and never what stands there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// It is no UTF-8.
    NotText,
    /// It has a line break, at this character (the first is 1).
    LineBreak(usize),
    /// It has a control character, or one that no header can hold, at this character (the first is 1).
    BadCharacter(usize),
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
    pub(super) fn of(environment: &'a Environment, variable: &str, blanks: Blanks) -> Self {
        let Some(value) = environment.get(variable) else {
            let is_set = environment.is_set(variable);
            return if is_set {
                Self::Broken(Flaw::NotText)
            } else {
                Self::Absent
            };
        };
        let value = match blanks {
            Blanks::TakenOff => value.trim(),
            Blanks::Sent => value,
        };
        match flaw(value) {
            Some(flaw) => Self::Broken(flaw),
            None if value.is_empty() => Self::Empty,
            None => Self::Value(value),
        }
    }
}

impl Switch {
    pub(super) fn of(environment: &Environment, variable: &str) -> Self {
        match environment
            .get(variable)
            .map(|value| value.trim().to_ascii_lowercase())
            .as_deref()
        {
            None if environment.is_set(variable) => Self::PerhapsOn,
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

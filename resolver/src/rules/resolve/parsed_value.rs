//! Parsing of one value as a client does: empty, a credential, or one that it cannot send.

use std::fmt;

/// A value that may be a credential, as a client parses it.
#[derive(Clone, Copy)]
pub(super) enum ParsedValue<'a> {
    Empty,
    Value(&'a str),
    Broken(Flaw),
}

/// The values that a client can send as a credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueSyntax {
    /// It trims whitespace, so a blank value counts as empty, and sends control characters.
    Trimmed,
    /// It trims whitespace and sends the rest, even an empty one, unless the value was empty before. It sends ASCII
    /// only, control characters included.
    TrimmedAndSent,
    /// It trims whitespace, and its HTTP library refuses control characters.
    TrimmedByNode,
    /// It keeps whitespace, and its HTTP library refuses it at the ends of a header.
    Kept(Encoding),
}

/// The characters that a client which keeps whitespace can send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Ascii,
    Utf8,
}

/// The text before a value in its header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderPrefix {
    Nothing,
    Bearer,
}

/// The reason a credential cannot be used. Only a position is given, never the character.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flaw {
    /// It is not UTF-8.
    NotUtf8,
    /// It contains a line break at this character, counted from 1.
    LineBreak(usize),
    /// It contains a control character, or one that is not allowed in a header, at this character, counted from 1.
    InvalidCharacter(usize),
    /// It starts or ends with whitespace, or is nothing else.
    SurroundingWhitespace,
    /// There is no such profile.
    NoSuchProfile,
    /// Its file is damaged.
    Damaged,
    /// Its configuration is damaged.
    DamagedConfig,
    /// Its file cannot be read, or is open to other users.
    Refused,
    /// It has expired, and nothing refreshes it.
    Expired,
    /// It lacks the permission to call models.
    NoInference,
    /// It is empty where an address is required.
    NoAddress,
    /// Requests go to this socket instead of the API.
    Socket,
    /// There is no identity token to exchange.
    NoIdentity,
    /// A federation's rule or organization is not set.
    NoRule,
    /// Its file contains no token.
    NoToken,
    /// Its token contains a character that no header may contain, or that the client does not send.
    UnsendableToken,
    /// It is not a text.
    NotText,
    /// Two settings that exclude each other lead its requests.
    TwoDestinations,
    /// It demands a login, and another credential would be used.
    LoginDemanded,
    /// It permits no login.
    NoLoginPermitted,
    /// Neither an address nor what would lead to one is set.
    NoDestination,
    /// It is not an address that the client can use.
    InvalidAddress,
    /// There is no such file.
    NoSuchFile,
    /// It names settings that do not exist.
    UnknownSource,
    /// It cannot be the name of a profile, because it contains a slash.
    InvalidName,
    /// Its configuration has no credential file.
    NoCredential,
}

/// A variable that switches something on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Absent,
    /// Any other value, also an empty one.
    Off,
    /// `1`, `true`, `yes` or `on`, in any case and with spaces around it.
    On,
    /// Not text, so that we cannot know.
    MaybeOn,
}

impl<'a> ParsedValue<'a> {
    pub(super) fn parse(value: &'a str, syntax: ValueSyntax, prefix: HeaderPrefix) -> Self {
        let trimmed = value.trim_matches(is_javascript_space);
        let in_ascii = value.trim_matches(|c: char| c.is_ascii() && c.is_whitespace());
        let (sent, is_empty) = match syntax {
            ValueSyntax::Trimmed | ValueSyntax::TrimmedByNode => (trimmed, trimmed.is_empty()),
            ValueSyntax::TrimmedAndSent => (in_ascii, value.is_empty()),
            ValueSyntax::Kept(_) => (value, value.is_empty()),
        };
        match syntax.flaw(sent, prefix) {
            Some(flaw) => Self::Broken(flaw),
            None if is_empty => Self::Empty,
            None => Self::Value(sent),
        }
    }
}

impl ValueSyntax {
    fn flaw(self, sent: &str, prefix: HeaderPrefix) -> Option<Flaw> {
        let cannot_be_sent = |c: char| match self {
            _ if matches!(c, '\n' | '\r' | '\0') => true,
            Self::Trimmed => c > '\u{ff}',
            Self::TrimmedAndSent => !c.is_ascii(),
            Self::TrimmedByNode => (c.is_control() && c != '\t') || c > '\u{ff}',
            Self::Kept(Encoding::Ascii) => !c.is_ascii() || matches!(c, '\u{b}' | '\u{c}'),
            Self::Kept(Encoding::Utf8) => matches!(c, '\u{b}' | '\u{c}'),
        };
        let mut characters = sent.chars().enumerate();
        if let Some((before, c)) = characters.find(|(_, c)| cannot_be_sent(*c)) {
            let position = before + 1;
            return Some(match c {
                '\n' | '\r' => Flaw::LineBreak(position),
                _ => Flaw::InvalidCharacter(position),
            });
        }
        let is_refused = match self {
            Self::Trimmed | Self::TrimmedAndSent | Self::TrimmedByNode => false,
            Self::Kept(_) => {
                let begins = prefix == HeaderPrefix::Nothing && sent.starts_with([' ', '\t']);
                begins || sent.ends_with([' ', '\t'])
            }
        };
        is_refused.then_some(Flaw::SurroundingWhitespace)
    }
}

/// Returns `true` if JavaScript trims the character.
fn is_javascript_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

impl Switch {
    /// Parses a value; `None` is a variable that is not set.
    pub(crate) fn parse(value: Option<&str>) -> Self {
        match value
            .map(|value| value.trim().to_ascii_lowercase())
            .as_deref()
        {
            None => Self::Absent,
            Some("1" | "true" | "yes" | "on") => Self::On,
            Some(_) => Self::Off,
        }
    }

    pub(crate) fn is_on(self) -> bool {
        match self {
            Self::On | Self::MaybeOn => true,
            Self::Absent | Self::Off => false,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::LineBreak(position) => {
                write!(f, "it contains a line break at character {position}")
            }
            Self::InvalidCharacter(position) => {
                write!(
                    f,
                    "it contains a character that is not allowed in a header, at character {position}"
                )
            }
            Self::SurroundingWhitespace => f.write_str("it has whitespace around it"),
            Self::NoSuchProfile => f.write_str("there is no such profile"),
            Self::Damaged => f.write_str("its file is damaged"),
            Self::DamagedConfig => f.write_str("its configuration is damaged"),
            Self::Refused => f.write_str("its file cannot be read, or is open to other users"),
            Self::Expired => f.write_str("it has expired and nothing refreshes it"),
            Self::NoInference => f.write_str("it lacks the permission to call models"),
            Self::NoAddress => f.write_str("it is empty, which is not an address"),
            Self::Socket => f.write_str("requests go to this socket, whatever listens there"),
            Self::NoIdentity => f.write_str("there is no identity token to exchange"),
            Self::NoRule => f.write_str("its rule or its organization is not set"),
            Self::NoToken => f.write_str("its file contains no token"),
            Self::UnsendableToken => {
                f.write_str("its token contains a character that the client cannot send")
            }
            Self::NotText => f.write_str("its value is not a text"),
            Self::TwoDestinations => {
                f.write_str("it is on, and both its base URL and its resource are set")
            }
            Self::LoginDemanded => f.write_str("it demands a login, and another credential is set"),
            Self::NoLoginPermitted => {
                f.write_str("its list of organizations is empty, so no login is permitted")
            }
            Self::NoDestination => f.write_str(
                "it is on, but neither its base URL nor its resource, project or workspace is set",
            ),
            Self::InvalidAddress => f.write_str("it is not an address that the client can use"),
            Self::NoSuchFile => f.write_str("there is no such file"),
            Self::UnknownSource => f.write_str("it may name user, project and local only"),
            Self::InvalidName => f.write_str("a profile's name contains no slash"),
            Self::NoCredential => f.write_str("there is no credential for it"),
        }
    }
}

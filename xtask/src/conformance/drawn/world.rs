//! A drawn world, as data: a client and the ingredients of its machine. Each ingredient can be removed on its own.

use std::fmt;

use crate::programs::{Program, client};

/// A client and the ingredients of its machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DrawnWorld {
    pub(super) program: Program,
    pub(super) items: Vec<DrawnItem>,
}

/// A file that a client may read: a short name, and a path below the world's directory with placeholders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FilePlace {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
}

/// One ingredient of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DrawnItem {
    /// A variable of the process.
    Variable(&'static str, DrawnValue),
    /// A field of a JSON file, by its path with dots.
    Field(FilePlace, &'static str, DrawnValue),
    /// The complete JSON text of a file, before its other fields are set.
    Document(FilePlace, &'static str),
    /// A change to the text of a file.
    Damage(FilePlace, FileDamage),
    /// The directory in which the client starts.
    Directory(StartDirectory),
    /// Arguments of the client, before the prompt.
    Arguments(&'static [&'static str]),
}

/// A value, as a template with placeholders.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum DrawnValue {
    /// A text.
    Text(&'static str),
    /// Any JSON value.
    Json(&'static str),
    /// The path of a script that runs these shell commands.
    Script(&'static str),
    /// The same, for a script that prints no usable token.
    BrokenScript(&'static str),
    /// No value: the field is removed.
    Missing,
}

/// A change to the text of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileDamage {
    Empty,
    Blank,
    Truncated,
    TrailingText,
    TrailingComma,
    Comment,
    ByteOrderMark,
    WindowsLineBreaks,
    InArray,
    Null,
    Text,
    /// Readable by other users.
    Readable,
    /// The first object twice, so that each of its fields is a duplicate.
    DuplicateFields,
}

impl FileDamage {
    /// Every kind.
    pub(super) const ALL: [Self; 13] = [
        Self::Empty,
        Self::Blank,
        Self::Truncated,
        Self::TrailingText,
        Self::TrailingComma,
        Self::Comment,
        Self::ByteOrderMark,
        Self::WindowsLineBreaks,
        Self::InArray,
        Self::Null,
        Self::Text,
        Self::Readable,
        Self::DuplicateFields,
    ];

    /// Applies the change to a text.
    pub(super) fn apply(self, text: &str) -> String {
        let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
        match self {
            Self::Empty => String::new(),
            Self::Blank => " \n\n".to_owned(),
            Self::Truncated => text.chars().take(text.chars().count() * 2 / 3).collect(),
            Self::TrailingText => format!("{}\nmore", text.trim_end()),
            Self::TrailingComma => format!("{{{},\n}}\n", inner.trim_end()),
            Self::Comment => format!("// a comment\n{text}"),
            Self::ByteOrderMark => format!("\u{feff}{text}"),
            Self::WindowsLineBreaks => text.replace('\n', "\r\n"),
            Self::InArray => format!("[{}]\n", text.trim_end()),
            Self::Null => "null\n".to_owned(),
            Self::Text => "\"text\"\n".to_owned(),
            Self::Readable => text.to_owned(),
            Self::DuplicateFields => format!("{{{inner},{inner}}}\n"),
        }
    }
}

/// The directory in which the client starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StartDirectory {
    /// Outside any repository.
    Plain,
    /// The root of a repository.
    Repository,
    Subdirectory,
    /// The root of a linked worktree.
    Worktree,
    WorktreeSubdirectory,
    /// A subdirectory of a directory whose `.git` file names a missing repository.
    BrokenRepository,
    /// The home directory.
    Home,
}

impl StartDirectory {
    /// Returns the working directory, the root of its worktree, and the main checkout.
    pub(super) fn paths(self) -> [&'static str; 3] {
        match self {
            Self::Plain | Self::Repository => ["project"; 3],
            Self::Subdirectory | Self::BrokenRepository => ["project/sub", "project", "project"],
            Self::Worktree => ["linked", "linked", "project"],
            Self::WorktreeSubdirectory => ["linked/sub", "linked", "project"],
            Self::Home => ["home"; 3],
        }
    }
}

impl DrawnItem {
    /// Returns the file of this ingredient.
    pub(super) fn file(self) -> Option<FilePlace> {
        match self {
            Self::Field(place, ..) | Self::Document(place, _) | Self::Damage(place, _) => {
                Some(place)
            }
            Self::Variable(..) | Self::Directory(_) | Self::Arguments(_) => None,
        }
    }

    /// Returns the same ingredient in another file.
    pub(super) fn moved(self, to: FilePlace) -> Self {
        match self {
            Self::Field(_, key, value) => Self::Field(to, key, value),
            Self::Document(_, text) => Self::Document(to, text),
            Self::Damage(_, damage) => Self::Damage(to, damage),
            Self::Variable(..) | Self::Directory(_) | Self::Arguments(_) => self,
        }
    }

    /// Returns the name of the variable or field, and its value.
    pub(super) fn value(self) -> Option<(&'static str, DrawnValue)> {
        match self {
            Self::Variable(name, value) => Some((name, value)),
            Self::Field(_, key, value) => Some((key.strip_prefix("env.").unwrap_or(key), value)),
            Self::Document(..) | Self::Damage(..) | Self::Directory(_) | Self::Arguments(_) => None,
        }
    }

    /// Returns the same ingredient with another value.
    pub(super) fn with_value(self, value: DrawnValue) -> Self {
        match self {
            Self::Variable(name, _) => Self::Variable(name, value),
            Self::Field(place, key, _) => Self::Field(place, key, value),
            Self::Document(..) | Self::Damage(..) | Self::Directory(_) | Self::Arguments(_) => self,
        }
    }

    /// Returns `true` if both set the same thing, so that only one of them can have an effect.
    pub(super) fn replaces(self, other: Self) -> bool {
        match (self, other) {
            (Self::Variable(name, _), Self::Variable(other, _)) => name == other,
            (Self::Field(place, key, _), Self::Field(other, other_key, _)) => {
                (place, key) == (other, other_key)
            }
            (Self::Document(place, _), Self::Document(other, _))
            | (Self::Damage(place, _), Self::Damage(other, _)) => place == other,
            (Self::Directory(_), Self::Directory(_)) => true,
            (one, other) => one == other,
        }
    }
}

impl DrawnWorld {
    /// Adds an ingredient, in place of one that sets the same thing.
    pub(super) fn set(&mut self, item: DrawnItem) {
        match self.items.iter_mut().find(|other| item.replaces(**other)) {
            Some(other) => *other = item,
            None => self.items.push(item),
        }
    }
}

impl fmt::Display for DrawnWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", client::client_name(self.program))?;
        for item in &self.items {
            write!(f, " | {item}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DrawnItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name, value) => write!(f, "{name}={value}"),
            Self::Field(place, key, value) => write!(f, "{}:{key}={value}", place.name),
            Self::Document(place, _) => write!(f, "{} file", place.name),
            Self::Damage(place, damage) => write!(f, "{} damaged {damage:?}", place.name),
            Self::Directory(directory) => write!(f, "in {directory:?}"),
            Self::Arguments(arguments) => write!(f, "arguments {arguments:?}"),
        }
    }
}

impl fmt::Display for DrawnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Json(text) => write!(f, "json {text}"),
            Self::Script(script) => write!(f, "script {script:?}"),
            Self::BrokenScript(script) => write!(f, "broken script {script:?}"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

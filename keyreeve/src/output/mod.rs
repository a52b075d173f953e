//! The only file that prints: standard output is data, standard error is talk.
//!
//! Invariants: text is made inert before it is written, and what is one line stays one, whatever path or name is in it; JSON
//! is plain ASCII, and nothing is understood by colour alone. A secret is written only by the methods named `reveal`, to
//! standard output, once.

mod paint;
mod table;
mod words;
mod wrap;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Effects, Style};
use keyreeve_broker::view::Document;
use keyreeve_core::inert::{LONGEST_LINE, inert, inert_line};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::statusline::{Part, Tone};
use keyreeve_os::world;
use serde::Serialize;

pub(crate) use table::{Align, Table};
pub(crate) use words::{
    counted, from_home, roughly, to_the_day, to_the_minute, to_the_second, when, when_text,
};

use paint::Paint;

use crate::args::Global;
use crate::error::{CommandError, Exit, Label};

/// Where [`Output::reveal`] puts the secret into a text.
pub(crate) const KEY_MARK: &str = "{key}";

/// Speaks with the person, or with the program that reads us.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    talk: Talk,
    /// How wide the terminal is; none where standard output is none.
    columns: Option<usize>,
    /// How data is painted whose reader shows colours although it is no terminal.
    rendered: Paint,
    stdout: Stream<io::Stdout>,
    stderr: Stream<io::Stderr>,
}

/// One of the two ways out, and whether it takes colour.
#[derive(Debug)]
struct Stream<T> {
    to: T,
    paint: Paint,
}

/// What standard output is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// People.
    Human,
    /// Programs: one JSON document on one line.
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Talk {
    All,
    OnlyFailures,
}

impl Output {
    /// Decides on format and colour from what was typed, the environment and whether a terminal is there.
    pub(crate) fn new(global: &Global, environment: &Environment) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let paint = |terminal| Paint::wanted(global.color, terminal, environment);
        Self {
            format: if global.json {
                Format::Json
            } else {
                Format::Human
            },
            talk: if global.quiet {
                Talk::OnlyFailures
            } else {
                Talk::All
            },
            columns: world::columns(&stdout),
            rendered: paint(true),
            stdout: Stream {
                paint: paint(stdout.is_terminal()),
                to: stdout,
            },
            stderr: Stream {
                paint: paint(stderr.is_terminal()),
                to: stderr,
            },
        }
    }

    /// For what happens before anybody said how to print.
    pub(crate) fn plain() -> Self {
        Self {
            format: Format::Human,
            talk: Talk::All,
            columns: None,
            rendered: Paint::Plain,
            stdout: Stream {
                to: io::stdout(),
                paint: Paint::Plain,
            },
            stderr: Stream {
                to: io::stderr(),
                paint: Paint::Plain,
            },
        }
    }

    /// Ends a command: says why it failed, and gives its exit code.
    pub(crate) fn end(&self, result: Result<(), CommandError>) -> ExitCode {
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                self.failure(&error);
                error.exit().into()
            }
        }
    }

    /// For whom standard output is.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether talk may be coloured.
    pub(crate) fn colors_talk(&self) -> bool {
        self.stderr.paint == Paint::Colored
    }

    /// Writes data, a line for each line of the text.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.to.lock();
        for line in text.lines() {
            writeln!(stdout, "{}", inert(line))?;
        }
        stdout.flush()
    }

    /// Writes data that is one line, whatever path or name stands in it.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        self.data(&inert_line(text, LONGEST_LINE))
    }

    /// Writes a piece of data that others wrote, without ending the line: each character is made inert by itself, so that
    /// no escape sequence comes together out of two pieces.
    pub(crate) fn piece(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.to.lock();
        stdout.write_all(inert(text).as_bytes())?;
        stdout.flush()
    }

    /// Writes data exactly as it is: text of our own build, such as a completion script.
    pub(crate) fn verbatim(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.to.lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes one line of data. A terminal that is too narrow gets it in several, broken between words; those after the first
    /// begin with `hang`.
    pub(crate) fn wrapped(&self, text: &str, hang: &str) -> io::Result<()> {
        self.lines_of(text, hang, Style::new())
    }

    /// Writes a thing and what is said of it on one line. On a terminal that is too narrow, what is said begins a line of its
    /// own.
    pub(crate) fn entry(&self, thing: &str, said: &str, hang: &str) -> io::Result<()> {
        let text = format!("{thing}  {said}");
        let fits = |columns| text.chars().count() <= columns;
        if self.columns.is_none_or(fits) {
            return self.wrapped(&text, hang);
        }
        self.wrapped(thing.trim_end(), hang)?;
        self.wrapped(&format!("{hang}{said}"), hang)
    }

    /// Writes a line that stands out, broken as [`Self::wrapped`] breaks.
    pub(crate) fn headline(&self, text: &str) -> io::Result<()> {
        self.lines_of(text, "  ", Style::new().effects(Effects::BOLD))
    }

    fn lines_of(&self, text: &str, hang: &str, style: Style) -> io::Result<()> {
        let style = self.stdout.paint.style(style);
        let text = inert_line(text, LONGEST_LINE);
        let mut stdout = self.stdout.to.lock();
        for line in wrap::wrapped(&text, hang, self.columns) {
            writeln!(stdout, "{style}{line}{style:#}")?;
        }
        stdout.flush()
    }

    /// Writes one line of parts that stand out by their tone. It is for a program that shows colours: a pipe is painted as a
    /// terminal is, unless `--color`, `NO_COLOR` or `TERM=dumb` say otherwise.
    pub(crate) fn painted(&self, parts: &[Part]) -> io::Result<()> {
        let mut stdout = self.stdout.to.lock();
        for part in parts {
            let style = self.rendered.style(match part.tone {
                Tone::Plain => Style::new(),
                Tone::Faint => Style::new().effects(Effects::DIMMED),
                Tone::Careful => AnsiColor::Yellow.on_default(),
                Tone::Alarm => AnsiColor::Red.on_default().effects(Effects::BOLD),
            });
            let text = inert_line(&part.text, LONGEST_LINE);
            write!(stdout, "{style}{text}{style:#}")?;
        }
        writeln!(stdout)?;
        stdout.flush()
    }

    /// Writes a table; its heading stands out. On a terminal that is too narrow, long cells lose their middle.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        let style = self
            .stdout
            .paint
            .style(Style::new().effects(Effects::DIMMED));
        let mut stdout = self.stdout.to.lock();
        for (at, line) in table.lines(self.columns).iter().enumerate() {
            match at {
                0 => writeln!(stdout, "{style}{line}{style:#}")?,
                _ => writeln!(stdout, "{line}")?,
            }
        }
        stdout.flush()
    }

    /// Writes one JSON document, with its `schema_version`, on one line.
    pub(crate) fn document(&self, body: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(&Document::of(body)).map_err(io::Error::from)?;
        let mut stdout = self.stdout.to.lock();
        writeln!(stdout, "{}", ascii(&json))?;
        stdout.flush()
    }

    /// Writes data with the secret wherever [`KEY_MARK`] stands in the template.
    pub(crate) fn reveal(&self, template: &str, secret: &Secret) -> io::Result<()> {
        let secret = secret.expose_for(Sink::Shown);
        let mut stdout = self.stdout.to.lock();
        for line in template.lines() {
            let mut parts = line.split(KEY_MARK);
            write!(stdout, "{}", inert(parts.next().unwrap_or_default()))?;
            for part in parts {
                write!(stdout, "{secret}{}", inert(part))?;
            }
            writeln!(stdout)?;
        }
        stdout.flush()
    }

    /// Writes one JSON document in which the secret stands as `"key"`.
    pub(crate) fn reveal_document(&self, body: &impl Serialize, secret: &Secret) -> io::Result<()> {
        #[derive(Serialize)]
        struct WithKey<'a, T> {
            key: &'a str,
            #[serde(flatten)]
            body: &'a T,
        }
        self.document(&WithKey {
            key: secret.expose_for(Sink::Shown),
            body,
        })
    }

    /// Writes one JSON document in which the secret stands as `"token"`.
    pub(crate) fn reveal_token(&self, body: &impl Serialize, secret: &Secret) -> io::Result<()> {
        #[derive(Serialize)]
        struct WithToken<'a, T> {
            token: &'a str,
            #[serde(flatten)]
            body: &'a T,
        }
        self.document(&WithToken {
            token: secret.expose_for(Sink::Shown),
            body,
        })
    }

    /// Says in keyreeve's own name what is about to happen: the talk of another program follows.
    pub(crate) fn own(&self, text: &str) {
        if self.talk == Talk::All {
            self.talk("keyreeve:", AnsiColor::Cyan, text);
        }
    }

    /// Whether what is written as data stands on a screen.
    pub(crate) fn is_seen(&self) -> bool {
        self.stdout.to.is_terminal()
    }

    /// Says something to the person.
    pub(crate) fn note(&self, text: &str) {
        if self.talk == Talk::All {
            self.talk("note:", AnsiColor::Cyan, text);
        }
    }

    /// Says what to do next.
    pub(crate) fn hint(&self, text: &str) {
        if self.talk == Talk::All {
            self.talk("hint:", AnsiColor::Green, text);
        }
    }

    fn failure(&self, error: &CommandError) {
        if matches!(error.exit(), Exit::Quiet | Exit::OfProgram(_)) {
            return;
        }
        for (label, text) in error.lines() {
            match label {
                Label::Error => self.talk("error:", AnsiColor::Red, text),
                Label::CausedBy => self.talk("  caused by:", AnsiColor::Red, text),
                Label::Hint => self.talk("hint:", AnsiColor::Green, text),
            }
        }
    }

    fn talk(&self, label: &str, color: AnsiColor, text: &str) {
        let style = self
            .stderr
            .paint
            .style(color.on_default().effects(Effects::BOLD));
        // A terminal that went away cannot be told so.
        let _gone = writeln!(
            self.stderr.to.lock(),
            "{style}{label}{style:#} {}",
            inert_line(text, LONGEST_LINE)
        );
    }
}

/// Escapes what is not ASCII: it can only stand inside of strings, and none of it can then speak to a terminal.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '\u{7f}' {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                text.push_str("\\u");
                text.push_str(&hex::encode(unit.to_be_bytes()));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii_and_means_the_same() {
        let nasty = "a\u{9b}2J\u{202e}é😀\u{7f}\u{1b}";
        let json = ascii(&serde_json::to_string(nasty).unwrap());
        assert!(json.bytes().all(|c| (0x20..0x7f).contains(&c)), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
    }
}

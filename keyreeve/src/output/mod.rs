//! Output to the terminal: data on standard output, messages on standard error. Nothing else prints.
//!
//! Invariants: text is sanitized before it is written, and one line stays one line, whatever path or name it contains; JSON
//! is plain ASCII; color never carries meaning by itself. A secret is written only by the methods named `reveal…`, to
//! standard output, once.

mod humanize;
mod line;
mod messages;
mod paint;
mod table;
mod wrap;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};

use anstyle::{AnsiColor, Effects, Style};
use keyreeve_broker::wire::Document;
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize, sanitize_line};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use keyreeve_resolver::statusline::{LinePart, Tone};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

pub(crate) use humanize::{
    abbreviate_home, local_time, pluralize, relative_time, relative_time_from_text, rough_duration,
    sentence_case, size, thousands, utc_date,
};
pub(crate) use line::Line;
pub(crate) use table::{Align, Table};

use paint::Paint;

use crate::args::GlobalArgs;
use crate::ascii_json::escape_non_ascii;
use crate::log::{Log, LogColor};

/// The placeholder that [`Output::reveal`] replaces with the secret.
pub(crate) const KEY_PLACEHOLDER: &str = "{key}";

/// Width of the labels of [`Output::field`].
const LABEL_WIDTH: usize = 12;
/// Indent of the continuation lines of [`Output::field`], as wide as a label and a space.
const FIELD_INDENT: &str = "             ";

/// Standard output and standard error, with the format, verbosity and colors to use.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    verbosity: Verbosity,
    /// Colors of data for a program that renders them although it is not a terminal.
    statusline_paint: Paint,
    stdout: OutputStream<io::Stdout>,
    stderr: OutputStream<io::Stderr>,
    /// The log that takes the messages of a command that serves.
    log: OnceLock<Arc<Log>>,
}

/// An output stream, its width and its colors.
#[derive(Debug)]
struct OutputStream<T> {
    stream: T,
    /// Width of the terminal, or `None` if the stream is not one.
    columns: Option<usize>,
    paint: Paint,
}

/// Format of standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Text for people.
    Human,
    /// One JSON document on one line; errors as JSON on standard error.
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verbosity {
    Normal,
    Quiet,
}

impl Output {
    /// Chooses format and colors from the arguments, the environment and the kind of each stream.
    pub(crate) fn new(global: &GlobalArgs, environment: &Environment) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let paint = |is_terminal| Paint::choose(global.color, is_terminal, environment);
        Self {
            format: if global.json {
                Format::Json
            } else {
                Format::Human
            },
            verbosity: if global.quiet {
                Verbosity::Quiet
            } else {
                Verbosity::Normal
            },
            statusline_paint: paint(true),
            stdout: OutputStream {
                columns: system::terminal_width(&stdout),
                paint: paint(stdout.is_terminal()),
                stream: stdout,
            },
            stderr: OutputStream {
                columns: system::terminal_width(&stderr),
                paint: paint(stderr.is_terminal()),
                stream: stderr,
            },
            log: OnceLock::new(),
        }
    }

    /// Creates an output without colors, for errors before the arguments are parsed.
    pub(crate) fn plain(format: Format) -> Self {
        Self {
            format,
            verbosity: Verbosity::Normal,
            statusline_paint: Paint::Plain,
            stdout: OutputStream {
                stream: io::stdout(),
                columns: None,
                paint: Paint::Plain,
            },
            stderr: OutputStream {
                columns: system::terminal_width(io::stderr()),
                stream: io::stderr(),
                paint: Paint::Plain,
            },
            log: OnceLock::new(),
        }
    }

    /// Returns the format of standard output.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Returns `true` if messages may be colored.
    pub(crate) fn stderr_has_color(&self) -> bool {
        self.stderr.paint == Paint::Colored
    }

    /// Returns the color mode of log lines.
    pub(crate) fn log_color(&self) -> LogColor {
        match self.stderr.paint {
            Paint::Plain => LogColor::Plain,
            Paint::Colored => LogColor::Colored,
        }
    }

    /// Sends all later messages to the log, which never waits for standard error. A second log is ignored.
    pub(crate) fn attach_log(&self, log: Arc<Log>) {
        let _second = self.log.set(log);
    }

    /// Writes data, line by line.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.stream.lock();
        for line in text.lines() {
            writeln!(stdout, "{}", sanitize(line))?;
        }
        stdout.flush()
    }

    /// Writes data as one line, whatever path or name it contains.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        self.data(&sanitize_line(text, MAX_LINE_CHARS))
    }

    /// Writes a chunk of foreign text without ending the line. Each character is sanitized by itself, so no escape sequence
    /// can be assembled from two chunks.
    pub(crate) fn chunk(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.stream.lock();
        stdout.write_all(sanitize(text).as_bytes())?;
        stdout.flush()
    }

    /// Writes data unchanged: text that keyreeve itself generates, such as a completion script.
    pub(crate) fn verbatim(&self, text: &str) -> io::Result<()> {
        let mut stdout = self.stdout.stream.lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes one line of data, wrapped between words on a narrow terminal. Continuation lines start with `indent`.
    pub(crate) fn wrapped(&self, text: &str, indent: &str) -> io::Result<()> {
        self.write_wrapped(text, indent, Style::new())
    }

    /// Writes a label and its value, aligned with those of other fields and wrapped as in [`Self::wrapped`].
    pub(crate) fn field(&self, label: &str, value: &str) -> io::Result<()> {
        self.wrapped(&format!("{label:<LABEL_WIDTH$} {value}"), FIELD_INDENT)
    }

    /// Writes a label and its description on one line. On a narrow terminal, the description starts a line of its own.
    pub(crate) fn entry(&self, label: &str, description: &str, indent: &str) -> io::Result<()> {
        let text = format!("{label}  {description}");
        let fits = |columns| text.width() <= columns;
        if self.stdout.columns.is_none_or(fits) {
            return self.wrapped(&text, indent);
        }
        self.wrapped(label.trim_end(), indent)?;
        self.wrapped(&format!("{indent}{description}"), indent)
    }

    /// Writes a bold line, wrapped as in [`Self::wrapped`].
    pub(crate) fn headline(&self, text: &str) -> io::Result<()> {
        self.write_wrapped(text, "  ", Style::new().effects(Effects::BOLD))
    }

    fn write_wrapped(&self, text: &str, indent: &str, style: Style) -> io::Result<()> {
        let style = self.stdout.paint.style(style);
        let text = sanitize_line(text, MAX_LINE_CHARS);
        let mut stdout = self.stdout.stream.lock();
        for line in wrap::wrap(&text, indent, self.stdout.columns) {
            writeln!(stdout, "{style}{line}{style:#}")?;
        }
        stdout.flush()
    }

    /// Writes one line of parts, each styled by its tone, for a program that renders colors: a pipe is colored like a
    /// terminal unless `--color`, `NO_COLOR` or `TERM=dumb` forbid it.
    pub(crate) fn styled_line(&self, parts: &[LinePart]) -> io::Result<()> {
        let mut stdout = self.stdout.stream.lock();
        for part in parts {
            let style = self.statusline_paint.style(match part.tone {
                Tone::Plain => Style::new(),
                Tone::Dim => Style::new().effects(Effects::DIMMED),
                Tone::Warning => AnsiColor::Yellow.on_default(),
                Tone::Critical => AnsiColor::Red.on_default().effects(Effects::BOLD),
            });
            let text = sanitize_line(&part.text, MAX_LINE_CHARS);
            write!(stdout, "{style}{text}{style:#}")?;
        }
        writeln!(stdout)?;
        stdout.flush()
    }

    /// Writes a table with a dimmed header, shortened as in [`Table::lines`] on a narrow terminal.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        let style = self
            .stdout
            .paint
            .style(Style::new().effects(Effects::DIMMED));
        let mut stdout = self.stdout.stream.lock();
        for (index, line) in table.lines(self.stdout.columns).iter().enumerate() {
            match index {
                0 => writeln!(stdout, "{style}{line}{style:#}")?,
                _ => writeln!(stdout, "{line}")?,
            }
        }
        stdout.flush()
    }

    /// Writes one JSON document, with its `schema_version`, on one line.
    pub(crate) fn document(&self, body: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(&Document::new(body)).map_err(io::Error::from)?;
        let mut stdout = self.stdout.stream.lock();
        writeln!(stdout, "{}", escape_non_ascii(&json))?;
        stdout.flush()
    }

    /// Writes a template with [`KEY_PLACEHOLDER`] replaced by the secret.
    pub(crate) fn reveal(&self, template: &str, secret: &Secret) -> io::Result<()> {
        let secret = secret.expose_for(Sink::Display);
        let mut stdout = self.stdout.stream.lock();
        for line in template.lines() {
            let mut parts = line.split(KEY_PLACEHOLDER);
            write!(stdout, "{}", sanitize(parts.next().unwrap_or_default()))?;
            for part in parts {
                write!(stdout, "{secret}{}", sanitize(part))?;
            }
            writeln!(stdout)?;
        }
        stdout.flush()
    }

    /// Writes one JSON document with the secret as `"key"`.
    pub(crate) fn reveal_document(&self, body: &impl Serialize, secret: &Secret) -> io::Result<()> {
        #[derive(Serialize)]
        struct WithKey<'a, T> {
            key: &'a str,
            #[serde(flatten)]
            body: &'a T,
        }
        self.document(&WithKey {
            key: secret.expose_for(Sink::Display),
            body,
        })
    }

    /// Writes one JSON document with the secret as `"token"`.
    pub(crate) fn reveal_token(&self, body: &impl Serialize, secret: &Secret) -> io::Result<()> {
        #[derive(Serialize)]
        struct WithToken<'a, T> {
            token: &'a str,
            #[serde(flatten)]
            body: &'a T,
        }
        self.document(&WithToken {
            token: secret.expose_for(Sink::Display),
            body,
        })
    }

    /// Returns `true` if data appears on a screen.
    pub(crate) fn stdout_is_terminal(&self) -> bool {
        self.stdout.stream.is_terminal()
    }
}

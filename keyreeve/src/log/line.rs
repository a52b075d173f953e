//! Builds one line of the log, as text or as JSON.
//!
//! Invariants: the line contains no control or invisible character, whatever text it quotes; in text, a value that could be
//! read as several fields is quoted; JSON is plain ASCII.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};
use tracing::Level;

use super::{LogColor, LogStyle};
use crate::ascii_json::escape_non_ascii;
use crate::settings::LogFormat;

/// Length of a time without its fraction: `2026-12-01T10:00:00`.
const SECOND_CHARS: usize = 19;

/// The start of a line.
#[derive(Clone, Copy)]
pub(super) struct LineHead<'a> {
    /// The time of the event.
    pub(super) now: Timestamp,
    /// Its level.
    pub(super) level: Level,
    /// The module it is from.
    pub(super) target: &'a str,
}

/// A line that is being built; reused for the next one.
#[derive(Default)]
pub(super) struct LineBuilder {
    line: String,
    style: LogStyle,
    /// A value before it is quoted.
    value: String,
    /// The last second that was formatted, and its text.
    second: Option<(i64, String)>,
}

impl LineBuilder {
    /// Starts a line.
    pub(super) fn start(&mut self, style: LogStyle, head: LineHead<'_>) {
        let LineHead { now, level, target } = head;
        self.style = style;
        self.line.clear();
        let (before_time, after_time) = match (style.format, style.color) {
            (LogFormat::Json, _) => (r#"{"timestamp":""#, "\""),
            (LogFormat::Text, LogColor::Colored) => ("\u{1b}[2m", "\u{1b}[0m"),
            (LogFormat::Text, LogColor::Plain) => ("", ""),
        };
        self.line.push_str(before_time);
        self.push_time(now);
        self.line.push_str(after_time);
        let written = match (style.format, style.color) {
            (LogFormat::Json, _) => {
                write!(self.line, r#","level":"{level}","target":"{target}""#)
            }
            (LogFormat::Text, LogColor::Plain) => write!(self.line, " {level:>5} {target}:"),
            (LogFormat::Text, LogColor::Colored) => {
                let color = level_color(level);
                write!(
                    self.line,
                    " \u{1b}[{color}m{level:>5}\u{1b}[0m \u{1b}[2m{target}:\u{1b}[0m"
                )
            }
        };
        debug_assert!(written.is_ok(), "a String takes any text");
    }

    /// Adds the message.
    pub(super) fn message(&mut self, message: fmt::Arguments<'_>) {
        self.set_value(message);
        match self.style.format {
            LogFormat::Text => {
                self.line.push(' ');
                self.line.push_str(&printable(&self.value));
            }
            LogFormat::Json => {
                self.line.push_str(r#","message":"#);
                push_json(&mut self.line, &self.value);
            }
        }
    }

    /// Adds a number or a truth value.
    pub(super) fn value(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.push_name(name);
        self.push(value);
    }

    /// Adds a text, always quoted.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.push_name(name);
        match self.style.format {
            LogFormat::Text => push_quoted(&mut self.line, text),
            LogFormat::Json => push_json(&mut self.line, text),
        }
    }

    /// Adds anything else that can be displayed; in text, quoted only if necessary.
    pub(super) fn display(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.push_name(name);
        self.set_value(value);
        match self.style.format {
            LogFormat::Text if is_word(&self.value) => self.line.push_str(&self.value),
            LogFormat::Text => push_quoted(&mut self.line, &self.value),
            LogFormat::Json => push_json(&mut self.line, &self.value),
        }
    }

    /// Ends the line and returns it, with its line feed.
    pub(super) fn finish(&mut self) -> &str {
        self.line.push_str(match self.style.format {
            LogFormat::Text => "\n",
            LogFormat::Json => "}\n",
        });
        &self.line
    }

    fn push_name(&mut self, name: &str) {
        match self.style.format {
            LogFormat::Text => {
                self.line.push(' ');
                self.line.push_str(name);
                self.line.push('=');
            }
            LogFormat::Json => {
                self.line.push_str(",\"");
                self.line.push_str(name);
                self.line.push_str("\":");
            }
        }
    }

    /// Formats the time in microseconds; the part up to the second only once a second.
    fn push_time(&mut self, now: Timestamp) {
        let second = now.as_second();
        if self.second.as_ref().is_none_or(|(last, _)| *last != second) {
            let mut text = now.to_string();
            text.truncate(SECOND_CHARS);
            self.second = Some((second, text));
        }
        if let Some((_, text)) = &self.second {
            self.line.push_str(text);
        }
        let micros = now.subsec_microsecond();
        self.push(format_args!(".{micros:06}Z"));
    }

    fn push(&mut self, value: fmt::Arguments<'_>) {
        let written = self.line.write_fmt(value);
        debug_assert!(written.is_ok(), "a String takes any text");
    }

    fn set_value(&mut self, value: fmt::Arguments<'_>) {
        self.value.clear();
        // A value whose formatting fails is logged as far as it got.
        let _incomplete = self.value.write_fmt(value);
    }
}

fn level_color(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

/// Returns `true` if every byte is printable ASCII and needs no escape inside quotes.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_LINE_CHARS
        && text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Returns `true` if the text is one value even without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && is_plain(text) && !text.bytes().any(|byte| matches!(byte, b' ' | b'='))
}

fn printable(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        sanitize_line(text, MAX_LINE_CHARS)
    }
}

/// Appends a text in quotes.
fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    if is_plain(text) {
        line.push_str(text);
    } else {
        let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
        line.push_str(&sanitize_line(&escaped, MAX_LINE_CHARS));
    }
    line.push('"');
}

/// Appends a text as a JSON string.
fn push_json(line: &mut String, text: &str) {
    if is_plain(text) {
        line.push('"');
        line.push_str(text);
        line.push('"');
        return;
    }
    let end = text
        .char_indices()
        .nth(MAX_LINE_CHARS)
        .map_or(text.len(), |(end, _)| end);
    // A string can always be written as JSON.
    let json = serde_json::to_string(&text[..end]).unwrap_or_else(|_| "\"\"".to_owned());
    line.push_str(&escape_non_ascii(&json));
}

//! Messages on standard error: labels, colors, and wrapping.
//!
//! Invariants: a message is sanitized and is one line, unless the terminal is narrower; a command or URL to copy is never
//! wrapped; once a log is attached, every message goes through it and none waits for standard error.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Effects, Style};
use keyreeve_broker::wire::Document;
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};
use tracing::Level;

use super::wrap::wrap;
use super::{Format, Output, Verbosity};
use crate::ascii_json::escape_non_ascii;
use crate::error::{CommandError, Exit, Label};
use crate::log::Log;
use crate::settings::LogFormat;

/// Indent of the continuation lines of a message.
const INDENT: &str = "  ";

impl Output {
    /// Prints the error of a failed command, ends the log, and returns the exit code.
    pub(crate) fn finish(&self, result: Result<(), CommandError>) -> ExitCode {
        let code = match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                self.error(&error);
                error.exit().into()
            }
        };
        if let Some(log) = self.log.get() {
            log.finish();
        }
        code
    }

    /// Prints what is about to happen, marked as keyreeve's, because the output of another program follows.
    pub(crate) fn announce(&self, text: &str) {
        self.message("keyreeve:", AnsiColor::Cyan, text);
    }

    /// Prints that a command succeeded, and with what result.
    pub(crate) fn success(&self, text: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if let Some(log) = self.json_log() {
            log.push_message(Level::INFO, text, &[]);
            return;
        }
        let text = sanitize_line(text, MAX_LINE_CHARS);
        self.write_message(&text, Style::new(), 0);
    }

    /// Prints something the user should know: a sentence without a full stop, or several with one each.
    pub(crate) fn note(&self, text: &str) {
        self.message("note:", AnsiColor::Cyan, text);
    }

    /// Prints advice, such as the next step, in the form of [`Self::note`].
    pub(crate) fn hint(&self, text: &str) {
        self.message("hint:", AnsiColor::Green, text);
    }

    /// Prints the command that repairs a problem, never wrapped.
    pub(crate) fn fix(&self, command: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match self.json_log() {
            Some(log) => log.push_message(Level::INFO, command, &[("label", "fix")]),
            None => self.unwrapped("fix:", AnsiColor::Green, command),
        }
    }

    fn error(&self, error: &CommandError) {
        if matches!(error.exit(), Exit::BrokenPipe | Exit::Child(_)) {
            return;
        }
        if let Some(log) = self.json_log() {
            log_error(log, error);
            return;
        }
        if self.format == Format::Json {
            self.json_error(error);
            return;
        }
        for (label, text) in error.lines() {
            match label {
                Label::Error => self.labeled("error:", AnsiColor::Red, text),
                Label::CausedBy => self.labeled("  caused by:", AnsiColor::Red, text),
                Label::Hint => self.labeled("hint:", AnsiColor::Green, text),
                Label::Fix => self.unwrapped("fix:", AnsiColor::Green, text),
                Label::Docs => self.unwrapped("docs:", AnsiColor::Green, text),
            }
        }
    }

    /// Writes an error as one line of JSON, on standard error: standard output holds data only.
    fn json_error(&self, error: &CommandError) {
        if let Ok(json) = serde_json::to_string(&Document::new(error.view())) {
            self.write_stderr(&format!("{}\n", escape_non_ascii(&json)));
        }
    }

    fn message(&self, label: &str, color: AnsiColor, text: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        match self.json_log() {
            Some(log) => {
                let label = label.trim_end_matches(':');
                log.push_message(Level::INFO, text, &[("label", label)]);
            }
            None => self.labeled(label, color, text),
        }
    }

    /// Writes a message with a colored label, wrapped between words on a narrow terminal.
    fn labeled(&self, label: &str, color: AnsiColor, text: &str) {
        let message = format!("{label} {}", sanitize_line(text, MAX_LINE_CHARS));
        self.write_message(&message, self.label_style(color), label.len());
    }

    /// Writes a message with a colored label in one line, so that its text can be copied.
    fn unwrapped(&self, label: &str, color: AnsiColor, text: &str) {
        let style = self.label_style(color);
        let text = sanitize_line(text, MAX_LINE_CHARS);
        self.write_stderr(&format!("{style}{label}{style:#} {text}\n"));
    }

    fn label_style(&self, color: AnsiColor) -> Style {
        let style = color.on_default().effects(Effects::BOLD);
        self.stderr.paint.style(style)
    }

    /// Writes a message, wrapped, whose first `styled` bytes have a style.
    fn write_message(&self, message: &str, style: Style, styled: usize) {
        let mut written = String::with_capacity(message.len() + 16);
        let lines = wrap(message, INDENT, self.stderr.columns);
        for (index, line) in lines.iter().enumerate() {
            let at = if index == 0 { styled } else { 0 };
            let (label, text) = line.split_at_checked(at).unwrap_or(("", line));
            // A `String` takes any text.
            let _always_fits = if label.is_empty() {
                writeln!(written, "{text}")
            } else {
                writeln!(written, "{style}{label}{style:#}{text}")
            };
        }
        self.write_stderr(&written);
    }

    /// Writes whole lines to the log if there is one, else to standard error.
    fn write_stderr(&self, lines: &str) {
        match self.log.get() {
            Some(log) => log.push_text(lines),
            None => {
                // Nothing can be done if the terminal is gone.
                let _gone = self.stderr.stream.lock().write_all(lines.as_bytes());
            }
        }
    }

    /// Returns the attached log if each of its lines is an object.
    fn json_log(&self) -> Option<&Log> {
        let log = self.log.get().map(Arc::as_ref);
        log.filter(|log| log.format() == LogFormat::Json)
    }
}

/// Logs an error and how to repair it as one line.
fn log_error(log: &Log, error: &CommandError) {
    let mut message = "";
    let mut values: Vec<(&str, String)> = Vec::new();
    for (label, text) in error.lines() {
        let name = match label {
            Label::Error => {
                message = text;
                continue;
            }
            Label::CausedBy => "caused_by",
            Label::Hint => "hint",
            Label::Fix => "fix",
            Label::Docs => "docs",
        };
        match values.iter_mut().find(|(existing, _)| *existing == name) {
            Some((_, all)) => {
                all.push_str(": ");
                all.push_str(text);
            }
            None => values.push((name, text.to_owned())),
        }
    }
    let values: Vec<_> = values
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    log.push_message(Level::ERROR, message, &values);
}

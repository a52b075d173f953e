//! Messages on standard error: labels, colors, and wrapping.
//!
//! Invariants: a message is sanitized and is one line, unless the terminal is narrower; a command or URL to copy is never
//! wrapped.

use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Effects, Style};
use keyreeve_broker::wire::Document;
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};

use super::wrap::wrap;
use super::{Format, Output, Verbosity, escape_non_ascii};
use crate::error::{CommandError, Exit, Label};

/// Indent of the continuation lines of a message.
const INDENT: &str = "  ";

impl Output {
    /// Prints the error of a failed command and returns the exit code.
    pub(crate) fn finish(&self, result: Result<(), CommandError>) -> ExitCode {
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                self.error(&error);
                error.exit().into()
            }
        }
    }

    /// Prints what is about to happen, marked as keyreeve's, because the output of another program follows.
    pub(crate) fn announce(&self, text: &str) {
        self.message("keyreeve:", AnsiColor::Cyan, text);
    }

    /// Prints that a command succeeded, and with what result.
    pub(crate) fn success(&self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            let text = sanitize_line(text, MAX_LINE_CHARS);
            self.write_message(&text, Style::new(), 0);
        }
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
        if self.verbosity == Verbosity::Normal {
            self.unwrapped("fix:", AnsiColor::Green, command);
        }
    }

    fn error(&self, error: &CommandError) {
        if matches!(error.exit(), Exit::BrokenPipe | Exit::Child(_)) {
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
            let json = escape_non_ascii(&json);
            let _gone = writeln!(self.stderr.stream.lock(), "{json}");
        }
    }

    fn message(&self, label: &str, color: AnsiColor, text: &str) {
        if self.verbosity == Verbosity::Normal {
            self.labeled(label, color, text);
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
        // Nothing can be done if the terminal is gone.
        let _gone = writeln!(self.stderr.stream.lock(), "{style}{label}{style:#} {text}");
    }

    fn label_style(&self, color: AnsiColor) -> Style {
        let style = color.on_default().effects(Effects::BOLD);
        self.stderr.paint.style(style)
    }

    /// Writes a message, wrapped, whose first `styled` bytes have a style.
    fn write_message(&self, message: &str, style: Style, styled: usize) {
        let mut stderr = self.stderr.stream.lock();
        let lines = wrap(message, INDENT, self.stderr.columns);
        for (index, line) in lines.iter().enumerate() {
            let at = if index == 0 { styled } else { 0 };
            let (label, text) = line.split_at_checked(at).unwrap_or(("", line));
            // Nothing can be done if the terminal is gone.
            let _gone = if label.is_empty() {
                writeln!(stderr, "{text}")
            } else {
                writeln!(stderr, "{style}{label}{style:#}{text}")
            };
        }
    }
}

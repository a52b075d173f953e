//! The settings of the log.

use super::Setting;
use crate::variables;

/// Log levels; each includes those above it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogLevel {
    /// Failures.
    Error,
    /// Warnings.
    Warn,
    /// One line for each request.
    Info,
    /// Internal steps.
    Debug,
    /// Everything.
    Trace,
}

/// Format of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

pub(super) const LOG: Setting = Setting {
    key: "log.level",
    variable: Some(variables::LOG),
    flag: None,
};
pub(super) const LOG_FORMAT: Setting = Setting {
    key: "log.format",
    variable: Some(variables::LOG_FORMAT),
    flag: Some("--log-format"),
};

impl LogLevel {
    /// Returns the name used in settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl LogFormat {
    /// Returns the name used in settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

pub(super) fn parse_log_level(word: &str) -> Result<LogLevel, String> {
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    [Error, Warn, Info, Debug, Trace]
        .into_iter()
        .find(|level| level.name() == word)
        .ok_or_else(|| "error, warn, info, debug or trace".to_owned())
}

pub(super) fn parse_log_format(word: &str) -> Result<LogFormat, String> {
    [LogFormat::Text, LogFormat::Json]
        .into_iter()
        .find(|format| format.name() == word)
        .ok_or_else(|| "text or json".to_owned())
}

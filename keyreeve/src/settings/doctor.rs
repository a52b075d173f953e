//! Settings of `doctor`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use keyreeve_resolver::resolve::ClientProgram;

use crate::args;
use crate::problem::Problem;
use crate::settings::when::{Direction, parse_time};

/// Settings of `doctor`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Doctor {
    /// Clients to check for.
    pub(crate) clients: Vec<ClientProgram>,
    /// Handling of findings.
    pub(crate) mode: DoctorMode,
    /// Handling of helpers.
    pub(crate) helpers: HelperMode,
    /// Time of the last password change, as given by the user.
    pub(crate) password_changed: Option<Timestamp>,
}

/// Handling of findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DoctorMode {
    /// Print them.
    Report,
    /// Ask, and apply the fixes that can be undone.
    Fix,
}

/// Handling of helpers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HelperMode {
    /// Only read their settings.
    ReadOnly,
    /// Run them.
    Run,
}

impl Doctor {
    pub(super) fn from_args(typed: args::DoctorArgs, now: Timestamp) -> Result<Self, Vec<Problem>> {
        let password_changed = typed
            .password_changed
            .map(|text| date(&text, now))
            .transpose()
            .map_err(|text| vec![Problem::flag("--password-changed", text)])?;
        Ok(Self {
            clients: typed
                .client
                .map_or_else(|| ClientProgram::LATEST.to_vec(), |client| vec![client]),
            mode: if typed.fix {
                DoctorMode::Fix
            } else {
                DoctorMode::Report
            },
            helpers: if typed.run_helpers {
                HelperMode::Run
            } else {
                HelperMode::ReadOnly
            },
            password_changed,
        })
    }
}

/// Parses a date, as its start in UTC, or a time.
fn date(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let day = text.parse::<Date>().ok();
    let start = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    match start {
        Some(start) if text.len() == "2026-11-01".len() => Ok(start.timestamp()),
        Some(_) | None => parse_time(text, now, Direction::Past),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_means_its_start_in_utc() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
            ("2d", "2026-11-19T12:00:00Z"),
        ] {
            assert_eq!(date(text, now), Ok(expected.parse().unwrap()), "{text}");
        }
        assert!(date("yesterday", now).is_err());
    }
}

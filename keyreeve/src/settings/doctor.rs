//! `doctor`, as meant.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use keyreeve_core::resolve::Client;

use crate::args;
use crate::settings::Problem;
use crate::settings::when::{Direction, moment};

/// `doctor`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Doctor {
    /// The clients to judge for.
    pub(crate) clients: Vec<Client>,
    /// What to do about what is found.
    pub(crate) about_it: AboutIt,
    /// What to do about helpers.
    pub(crate) helpers: Helpers,
    /// When the person changed their password, as they say.
    pub(crate) password_changed: Option<Timestamp>,
}

/// What to do about what is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AboutIt {
    /// Say it.
    Tell,
    /// Ask, and mend what can be undone.
    Fix,
}

/// What to do about helpers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Helpers {
    /// Only look at what is written.
    Leave,
    /// Run them.
    Run,
}

impl Doctor {
    pub(super) fn of(typed: args::Doctor, now: Timestamp) -> Result<Self, Vec<Problem>> {
        let password_changed = typed
            .password_changed
            .map(|text| date(&text, now))
            .transpose()
            .map_err(|text| vec![Problem::of_flag("--password-changed", text)])?;
        Ok(Self {
            clients: typed
                .client
                .map_or_else(|| Client::LATEST.to_vec(), |client| vec![client]),
            about_it: if typed.fix {
                AboutIt::Fix
            } else {
                AboutIt::Tell
            },
            helpers: if typed.run_helpers {
                Helpers::Run
            } else {
                Helpers::Leave
            },
            password_changed,
        })
    }
}

/// A day, taken at its beginning in UTC, or a moment.
fn date(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let day = text.parse::<Date>().ok();
    let begins = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    match begins {
        Some(begins) if text.len() == "2026-11-01".len() => Ok(begins.timestamp()),
        Some(_) | None => moment(text, now, Direction::Back),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning() {
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

//! What comes with a setup-token: its owner's consent, and the day it was made.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use keyreeve_core::token::SETUP_TOKEN_LIFE;

use crate::args;
use crate::settings::Problem;

/// What its owner says about a setup-token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PlanToken {
    /// Whether it may be kept.
    pub(crate) consent: Consent,
    /// When it was made; none: just now.
    pub(crate) made_at: Option<Timestamp>,
}

/// Whether a person's plan token may be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Consent {
    /// It was said with the command.
    Given,
    /// The person is to be asked.
    #[default]
    Asked,
}

impl PlanToken {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// A day that is none, or on which no token was made that still lasts.
    pub(super) fn of(typed: &args::PlanToken, now: Timestamp) -> Result<Self, Vec<Problem>> {
        let made_at = typed.made.as_deref().map(|text| made(text, now));
        Ok(Self {
            consent: if typed.consent {
                Consent::Given
            } else {
                Consent::Asked
            },
            made_at: made_at
                .transpose()
                .map_err(|text| vec![Problem::of_flag("--made", text)])?,
        })
    }

    /// Says that it was given where no setup-token is.
    pub(super) fn misplaced(self) -> Problem {
        let flag = match self.consent {
            Consent::Given => "--consent",
            Consent::Asked => "--made",
        };
        Problem::of_flag(flag, "belongs to --setup-token")
    }
}

fn made(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let date = text.parse::<Date>();
    let moment = date
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map(|moment| moment.timestamp())
        .map_err(|_| format!("`{text}` is no day such as 2026-05-01"))?;
    if moment > now {
        Err(format!("`{text}` is still to come"))
    } else if now.duration_since(moment) >= SETUP_TOKEN_LIFE {
        Err(format!(
            "a token that was made on {text} has ended: it lasts a year"
        ))
    } else {
        Ok(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_was_made_within_the_last_year() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(
            made("2026-05-01", now),
            Ok("2026-05-01T00:00:00Z".parse().unwrap())
        );
        for text in ["2025-11-21", "2026-11-22", "yesterday", "", "2026-13-01"] {
            assert!(made(text, now).is_err(), "{text}");
        }
    }
}

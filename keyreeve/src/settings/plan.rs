//! Options for a setup-token: its owner's consent, and its creation date.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use keyreeve_core::token::SETUP_TOKEN_LIFETIME;

use crate::args;
use crate::problem::Problem;

/// Options for a setup-token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SetupTokenOptions {
    /// Consent to save it.
    pub(crate) consent: Consent,
    /// Creation time, or `None` for now.
    pub(crate) made_at: Option<Timestamp>,
}

/// Consent to save a plan token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Consent {
    /// Given as an option.
    Given,
    /// Must still be asked for.
    #[default]
    Required,
}

impl SetupTokenOptions {
    /// Validates the arguments.
    ///
    /// # Errors
    /// An invalid creation date, or one whose token has expired.
    pub(super) fn from_args(
        typed: &args::SetupTokenArgs,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let made_at = typed.made.as_deref().map(|text| creation_time(text, now));
        Ok(Self {
            consent: if typed.consent {
                Consent::Given
            } else {
                Consent::Required
            },
            made_at: made_at
                .transpose()
                .map_err(|text| vec![Problem::flag("--made", text)])?,
        })
    }

    /// Returns the problem of options without `--setup-token`.
    pub(super) fn misplaced(self) -> Problem {
        let flag = match self.consent {
            Consent::Given => "--consent",
            Consent::Required => "--made",
        };
        Problem::flag(flag, "needs `--setup-token`")
    }
}

fn creation_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let date = text.parse::<Date>();
    let created_at = date
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map(|start| start.timestamp())
        .map_err(|_| format!("must be a date such as 2026-05-01, not `{text}`"))?;
    if created_at > now {
        Err(format!("must not be in the future: `{text}`"))
    } else if now.duration_since(created_at) >= SETUP_TOKEN_LIFETIME {
        Err(format!(
            "must be within the last year: a setup-token created on {text} has expired"
        ))
    } else {
        Ok(created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creation_date_is_within_the_last_year() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(
            creation_time("2026-05-01", now),
            Ok("2026-05-01T00:00:00Z".parse().unwrap())
        );
        for text in ["2025-11-21", "2026-11-22", "yesterday", "", "2026-13-01"] {
            assert!(creation_time(text, now).is_err(), "{text}");
        }
    }
}

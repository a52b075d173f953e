//! Times and durations as users type them: `2026-12-31T00:00:00Z`, `2026-12-31`, `30d`, `90m`, `2h 30m`.

use jiff::civil::Date;
use jiff::fmt::friendly::SpanParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, SpanRelativeTo, Timestamp};
use keyreeve_core::health::BackoffSchedule;
use keyreeve_core::token::SETUP_TOKEN_LIFETIME;
use keyreeve_os::system::now;

/// Parses a duration from zero in units up to weeks; a day has 24 hours.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    let span = SpanParser::new().parse_span(text);
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    // A sign would be misleading: the argument decides the direction.
    let is_unsigned = text.starts_with(|c: char| c.is_ascii_digit());
    duration
        .ok()
        .filter(|duration| is_unsigned && !duration.is_negative())
        .ok_or_else(|| format!("must be a duration such as 10m, 12h or 30d, not `{text}`"))
}

/// Parses the length of a pause and returns its end.
pub(super) fn end_of_pause(text: &str) -> Result<Timestamp, String> {
    let length = duration(text)?;
    if length > BackoffSchedule::Manual.max_delay() {
        return Err("must be at most 32 days. To stop using a profile for longer, run `keyreeve profile drain NAME`.".to_owned());
    }
    if length < SignedDuration::from_secs(1) {
        return Err(
            "must be at least 1s. To end a pause, run `keyreeve profile resume NAME`.".to_owned(),
        );
    }
    now().checked_add(length).map_err(|_| out_of_range(text))
}

/// Parses a time in the past, or the time since it.
pub(super) fn past_time(text: &str) -> Result<Timestamp, String> {
    time(text, |duration| now().checked_sub(duration))
}

/// Parses a time in the past, the time since it, or a date, which means its start in UTC.
pub(super) fn past_date(text: &str) -> Result<Timestamp, String> {
    date(text).map_or_else(|| past_time(text), Ok)
}

/// Parses a time after `now`, or the time until it.
pub(crate) fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let at = time(text, |duration| now.checked_add(duration))?;
    if at > now {
        Ok(at)
    } else {
        Err("must be in the future".to_owned())
    }
}

/// Parses the date on which a setup-token that is still valid was created.
pub(super) fn creation_date(text: &str) -> Result<Timestamp, String> {
    let created_at =
        date(text).ok_or_else(|| format!("must be a date such as 2026-05-01, not `{text}`"))?;
    let age = now().duration_since(created_at);
    if age.is_negative() {
        Err(format!("must not be in the future: `{text}`"))
    } else if age >= SETUP_TOKEN_LIFETIME {
        Err(format!(
            "must be within the last year: a setup-token created on {text} has expired"
        ))
    } else {
        Ok(created_at)
    }
}

/// Parses a time in RFC 3339, or its distance from now.
fn time(
    text: &str,
    at_distance: impl FnOnce(SignedDuration) -> Result<Timestamp, jiff::Error>,
) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let distance = duration(text).map_err(|_| {
        format!(
            "must be a duration such as 30d or 12h, or a time such as 2026-12-31T00:00:00Z, not `{text}`"
        )
    })?;
    at_distance(distance).map_err(|_| out_of_range(text))
}

/// Parses a date, without a time, and returns its start in UTC.
fn date(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    let start = day.to_zoned(TimeZone::UTC).ok()?;
    (text.len() == "2026-11-01".len()).then(|| start.timestamp())
}

fn out_of_range(text: &str) -> String {
    format!("is out of range: `{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn durations_and_times_are_parsed() {
        let now = at("2026-11-21T12:00:00Z");
        for (text, expected) in [
            ("30d", "2026-12-21T12:00:00Z"),
            ("12h", "2026-11-22T00:00:00Z"),
            ("1w", "2026-11-28T12:00:00Z"),
            ("90m", "2026-11-21T13:30:00Z"),
            ("2h 30m", "2026-11-21T14:30:00Z"),
            ("1.5h", "2026-11-21T13:30:00Z"),
            ("001s", "2026-11-21T12:00:01Z"),
            ("2026-12-31T00:00:00+01:00", "2026-12-30T23:00:00Z"),
        ] {
            assert_eq!(expiry(text, now), Ok(at(expected)), "{text}");
        }
        for text in ["0s", "2026-11-21T12:00:00Z"] {
            let problem = Err("must be in the future".to_owned());
            assert_eq!(expiry(text, now), problem, "{text}");
        }
        assert_eq!(duration("0s"), Ok(SignedDuration::ZERO));
    }

    #[test]
    fn other_texts_are_refused() {
        let now = at("2026-11-21T12:00:00Z");
        for text in [
            "",
            "d",
            "-1d",
            "+1d",
            "1d ago",
            "1",
            "1y",
            "ä",
            "PT1H",
            "9223372036854775807w",
            "99999999w",
            "1000000w",
            "tomorrow",
        ] {
            assert!(expiry(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn date_means_its_start_in_utc() {
        for text in ["2026-11-01", "2026-11-01T00:00:00Z"] {
            assert_eq!(past_date(text), Ok(at("2026-11-01T00:00:00Z")), "{text}");
        }
        let two_days_ago = past_date("2d").unwrap();
        assert_eq!(now().duration_since(two_days_ago).as_hours(), 48);
        assert!(past_date("yesterday").is_err());
    }

    #[test]
    fn creation_date_is_within_the_last_year() {
        let days_ago = |days: i64| {
            let day = now() - SignedDuration::from_hours(24 * days);
            day.strftime("%Y-%m-%d").to_string()
        };
        let day = days_ago(100);
        assert_eq!(creation_date(&day), Ok(at(&format!("{day}T00:00:00Z"))));
        for text in [&days_ago(366), &days_ago(-1), "yesterday", "", "2026-13-01"] {
            assert!(creation_date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pause_has_a_limit() {
        for text in ["1s", "32d"] {
            assert!(end_of_pause(text).is_ok(), "{text}");
        }
        for text in ["0s", "999ms", "33d", "soon"] {
            assert!(end_of_pause(text).is_err(), "{text}");
        }
    }
}

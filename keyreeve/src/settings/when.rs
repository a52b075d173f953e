//! Moments and spans as people type them: `2026-12-31T00:00:00Z`, `30d`, `12h`, `90m`, `10s`, `2w`.

use jiff::{SignedDuration, Timestamp};

/// Which way from now a span leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    /// Into the future.
    Ahead,
    /// Into the past.
    Back,
}

/// Reads a moment: RFC 3339, or a span from `now`.
pub(super) fn moment(
    text: &str,
    now: Timestamp,
    direction: Direction,
) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let span = span(text).map_err(|_| {
        format!(
            "`{text}` is neither a span such as 30d or 12h nor a time such as 2026-12-31T00:00:00Z"
        )
    })?;
    let moment = match direction {
        Direction::Ahead => now.checked_add(span),
        Direction::Back => now.checked_sub(span),
    };
    moment.map_err(|_| format!("`{text}` is too far away"))
}

/// Reads a span: a whole number and one of `s m h d w`; a day has 24 hours.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is not a span such as 10m, 12h or 30d");
    let (unit_at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let digits = &text[..unit_at];
    if !digits.bytes().all(|c| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn people_write_spans_and_moments() {
        let now = at("2026-11-21T12:00:00Z");
        for (text, direction, expected) in [
            ("30d", Direction::Ahead, "2026-12-21T12:00:00Z"),
            ("12h", Direction::Ahead, "2026-11-22T00:00:00Z"),
            ("1w", Direction::Back, "2026-11-14T12:00:00Z"),
            ("90m", Direction::Back, "2026-11-21T10:30:00Z"),
            ("0s", Direction::Back, "2026-11-21T12:00:00Z"),
            (
                "2026-12-31T00:00:00+01:00",
                Direction::Ahead,
                "2026-12-30T23:00:00Z",
            ),
        ] {
            assert_eq!(moment(text, now, direction), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let now = at("2026-11-21T12:00:00Z");
        for text in [
            "",
            "d",
            "-1d",
            "+1d",
            "1",
            "1y",
            "1.5h",
            "ä",
            "9223372036854775807w",
            "99999999w",
            "tomorrow",
        ] {
            assert!(moment(text, now, Direction::Ahead).is_err(), "{text}");
        }
    }
}

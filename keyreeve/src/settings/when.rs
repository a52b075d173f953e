//! Times and durations as users type them: `2026-12-31T00:00:00Z`, `30d`, `12h`, `90m`, `10s`, `2w`.

use jiff::{SignedDuration, Timestamp};

/// Direction of a duration from now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    /// After now.
    Future,
    /// Before now.
    Past,
}

/// Parses a time: RFC 3339, or a duration from `now`.
pub(super) fn parse_time(
    text: &str,
    now: Timestamp,
    direction: Direction,
) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let duration = parse_duration(text).map_err(|_| {
        format!(
            "must be a duration such as 30d or 12h, or a time such as 2026-12-31T00:00:00Z, not `{text}`"
        )
    })?;
    let time = match direction {
        Direction::Future => now.checked_add(duration),
        Direction::Past => now.checked_sub(duration),
    };
    time.map_err(|_| format!("is out of range: `{text}`"))
}

/// Parses a duration: a whole number and one of `s m h d w`; a day has 24 hours.
pub(super) fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("must be a duration such as 10m, 12h or 30d, not `{text}`");
    let (unit_index, unit) = text.char_indices().last().ok_or_else(invalid)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(invalid()),
    };
    let digits = &text[..unit_index];
    if !digits.bytes().all(|c| c.is_ascii_digit()) {
        return Err(invalid());
    }
    let count: i64 = digits.parse().map_err(|_| invalid())?;
    count
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
        .ok_or_else(invalid)
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
        for (text, direction, expected) in [
            ("30d", Direction::Future, "2026-12-21T12:00:00Z"),
            ("12h", Direction::Future, "2026-11-22T00:00:00Z"),
            ("1w", Direction::Past, "2026-11-14T12:00:00Z"),
            ("90m", Direction::Past, "2026-11-21T10:30:00Z"),
            ("0s", Direction::Past, "2026-11-21T12:00:00Z"),
            (
                "2026-12-31T00:00:00+01:00",
                Direction::Future,
                "2026-12-30T23:00:00Z",
            ),
        ] {
            assert_eq!(parse_time(text, now, direction), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
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
            assert!(parse_time(text, now, Direction::Future).is_err(), "{text}");
        }
    }
}

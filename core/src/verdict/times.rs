//! Parses the reset times in responses: `retry-after`, reset headers and dates in messages.
//!
//! Invariants: every time returned is between `now` and `now` + [`MAX_RESET_DISTANCE`]: a wrong clock or a hostile
//! value can start a cooldown neither in the past nor without an end. An invalid value is ignored.

use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::response::ErrorResponse;
use crate::limits::{MAX_RESET_DISTANCE, parse_timestamp};

/// Parses `retry-after`: seconds, whole or decimal, or an HTTP date.
pub(super) fn retry_after(response: &ErrorResponse<'_>, now: Timestamp) -> Option<Timestamp> {
    let value = response.header("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        let is_valid = seconds.is_finite() && seconds >= 0.0;
        let wait = is_valid
            .then(|| SignedDuration::try_from_secs_f64(seconds).unwrap_or(MAX_RESET_DISTANCE));
        return wait.map(|wait| {
            now.checked_add(wait.min(MAX_RESET_DISTANCE))
                .unwrap_or(Timestamp::MAX)
        });
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(clamp_reset(date, now))
}

/// Parses a reset time from a header or message. Unlike a limit that is only displayed, a cooldown is not dropped if
/// the time is implausible: it is clamped to the maximum.
pub(super) fn reset(value: &str, now: Timestamp) -> Option<Timestamp> {
    parse_timestamp(value).map(|at| clamp_reset(at, now))
}

/// Parses the date in `… regain access on YYYY-MM-DD at HH:MM UTC`.
pub(super) fn regain_access(message: &str, now: Timestamp) -> Option<Timestamp> {
    let message = message.to_ascii_lowercase();
    let (_, rest) = message.split_once("regain access on ")?;
    let (date, clock) = (rest.get(..10)?, rest.get(10..)?);
    let clock = clock
        .strip_prefix(" at ")
        .and_then(|clock| clock.get(..5))
        .unwrap_or("00:00");
    reset(&format!("{date}T{clock}:00Z"), now)
}

/// Returns the first of the next month at 00:00 UTC.
pub(super) fn first_of_next_month(now: Timestamp) -> Option<Timestamp> {
    let today: Date = now.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month().checked_add(1.month()).ok()?;
    let at = first.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(clamp_reset(at, now))
}

fn clamp_reset(at: Timestamp, now: Timestamp) -> Timestamp {
    let latest = now
        .checked_add(MAX_RESET_DISTANCE)
        .unwrap_or(Timestamp::MAX);
    at.clamp(now, latest)
}

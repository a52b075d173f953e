//! Reads the times that answers name.
//!
//! Invariants: each time that leaves this file lies between `now` and `now` + [`FARTHEST`]: a wrong clock or a hostile
//! value can neither rest a credential in the past nor for ever. What cannot be read is no time.

use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::answer::ErrorAnswer;
use crate::limits::{FARTHEST, moment};

/// `retry-after`: seconds, whole or decimal, or an HTTP date.
pub(super) fn retry_after(answer: &ErrorAnswer<'_>, now: Timestamp) -> Option<Timestamp> {
    let value = answer.header("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        let counts = seconds.is_finite() && seconds >= 0.0;
        let wait = counts.then(|| SignedDuration::try_from_secs_f64(seconds).unwrap_or(FARTHEST));
        return wait.map(|wait| {
            now.checked_add(wait.min(FARTHEST))
                .unwrap_or(Timestamp::MAX)
        });
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(believed(date, now))
}

/// When a limit ends, as headers and texts write it. Unlike a limit that is only shown, a rest is not given up for a time
/// that is beyond belief: it is held as long as one can be.
pub(super) fn reset(value: &str, now: Timestamp) -> Option<Timestamp> {
    moment(value).map(|at| believed(at, now))
}

/// The date in `… regain access on YYYY-MM-DD at HH:MM UTC`.
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

/// The first of the next month at 00:00 UTC.
pub(super) fn first_of_next_month(now: Timestamp) -> Option<Timestamp> {
    let today: Date = now.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month().checked_add(1.month()).ok()?;
    let at = first.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(believed(at, now))
}

fn believed(at: Timestamp, now: Timestamp) -> Timestamp {
    let farthest = now.checked_add(FARTHEST).unwrap_or(Timestamp::MAX);
    at.clamp(now, farthest)
}

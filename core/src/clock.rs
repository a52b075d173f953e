//! Formats times in the user's time zone.
//!
//! Invariant: the current time and the zone are values, as everywhere in this crate.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// The current time and the user's time zone.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The current time.
    pub now: Timestamp,
    /// The user's time zone.
    pub zone: TimeZone,
}

impl Clock {
    /// Formats a time in the user's zone: the time if it is today, with the weekday within six days, else with the
    /// date, and the year if it is another one; rounded to the minute, since some reset times are reported slightly too
    /// early.
    pub fn format(&self, at: Timestamp) -> String {
        let to_local = |time: Timestamp| time.to_zoned(self.zone.clone());
        let at = to_local(at.checked_add(30.seconds()).unwrap_or(at));
        let today = to_local(self.now).date();
        let days_away = today
            .until(at.date())
            .map_or(i32::MAX, |span| span.get_days());
        let pattern = match days_away {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ if at.year() == today.year() => "%b %-d %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        at.strftime(pattern).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_formatted_in_the_users_zone() {
        let clock = |zone| Clock {
            now: "2026-11-20T23:30:00Z".parse().unwrap(),
            zone,
        };
        let (utc, tokyo) = (TimeZone::UTC, TimeZone::posix("JST-9").unwrap());
        let (utc, tokyo) = (clock(utc), clock(tokyo));
        for (at, in_utc, in_tokyo) in [
            ("2026-11-20T23:42:10Z", "23:42", "08:42"),
            ("2026-11-20T23:59:59Z", "Sat 00:00", "09:00"),
            ("2026-11-21T02:00:00Z", "Sat 02:00", "11:00"),
            ("2026-11-24T09:00:00Z", "Tue 09:00", "Tue 18:00"),
            ("2026-11-20T10:00:00Z", "10:00", "Fri 19:00"),
            ("2026-12-20T10:00:00Z", "Dec 20 10:00", "Dec 20 19:00"),
            ("2026-01-02T10:00:00Z", "Jan 2 10:00", "Jan 2 19:00"),
            (
                "2027-11-20T23:30:00Z",
                "2027-11-20 23:30",
                "2027-11-21 08:30",
            ),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(utc.format(at), in_utc);
            assert_eq!(tokyo.format(at), in_tokyo);
        }
    }
}

//! A person's clock: how a moment is read where they are.
//!
//! Invariant: what o'clock it is and where are values, as everywhere in this crate.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// What o'clock it is, and where.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The moment.
    pub now: Timestamp,
    /// The person's zone.
    pub zone: TimeZone,
}

impl Clock {
    /// Shows a moment as it is read there: the time today, the weekday within six days, else the date; to the nearest
    /// minute, since some resets are told a moment too early.
    pub fn shown(&self, at: Timestamp) -> String {
        let there = |moment: Timestamp| moment.to_zoned(self.zone.clone());
        let at = there(at.checked_add(30.seconds()).unwrap_or(at));
        let away = there(self.now)
            .date()
            .until(at.date())
            .map_or(i32::MAX, |span| span.get_days());
        let pattern = match away {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ => "%b %-d %H:%M",
        };
        at.strftime(pattern).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_by_the_persons_own_clock() {
        let clock = |zone| Clock {
            now: "2026-11-20T23:30:00Z".parse().unwrap(),
            zone,
        };
        let (here, tokyo) = (TimeZone::UTC, TimeZone::posix("JST-9").unwrap());
        let (here, tokyo) = (clock(here), clock(tokyo));
        for (at, there, in_tokyo) in [
            ("2026-11-20T23:42:10Z", "23:42", "08:42"),
            ("2026-11-20T23:59:59Z", "Sat 00:00", "09:00"),
            ("2026-11-21T02:00:00Z", "Sat 02:00", "11:00"),
            ("2026-11-24T09:00:00Z", "Tue 09:00", "Tue 18:00"),
            ("2026-11-20T10:00:00Z", "10:00", "Fri 19:00"),
            ("2026-12-20T10:00:00Z", "Dec 20 10:00", "Dec 20 19:00"),
            ("2026-01-02T10:00:00Z", "Jan 2 10:00", "Jan 2 19:00"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(here.shown(at), there);
            assert_eq!(tokyo.shown(at), in_tokyo);
        }
    }
}

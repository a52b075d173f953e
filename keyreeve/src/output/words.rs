//! How people read a moment and a count. Machines get both exactly, by `--json`.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::clock::Clock;

/// Shows a moment to the minute, such as `2026-11-21 04:46 UTC`.
pub(crate) fn to_the_minute(rfc3339: &str) -> String {
    shortened(rfc3339, "2026-11-21T04:46".len())
}

/// Shows the day of a moment, such as `2026-11-21`.
pub(crate) fn to_the_day(rfc3339: &str) -> String {
    let day = rfc3339.get(.."2026-11-21".len());
    day.unwrap_or(rfc3339).to_owned()
}

/// Shows a moment to the second, such as `2026-11-21 04:46:12 UTC`.
pub(crate) fn to_the_second(rfc3339: &str) -> String {
    shortened(rfc3339, "2026-11-21T04:46:12".len())
}

fn shortened(rfc3339: &str, length: usize) -> String {
    match rfc3339.get(..length) {
        Some(moment) => format!("{} UTC", moment.replace('T', " ")),
        None => rfc3339.to_owned(),
    }
}

/// Shows a length of time by its largest unit, rounded down: `50 s`, `12 min`, `3 h`, `6 days`.
pub(crate) fn roughly(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Shows a moment by a person's clock, and how far away it is: `15:00 (in 2 h)`, `11:59 (1 min ago)`.
pub(crate) fn when(at: Timestamp, clock: &Clock) -> String {
    let (there, away) = (clock.shown(at), at.duration_since(clock.now));
    if away.is_positive() {
        format!("{there} (in {})", roughly(away))
    } else {
        format!("{there} ({} ago)", roughly(-away))
    }
}

/// The same for a moment as JSON has it.
pub(crate) fn when_text(rfc3339: &str, clock: &Clock) -> String {
    let at = rfc3339.parse();
    at.map_or_else(|_| rfc3339.to_owned(), |at| when(at, clock))
}

/// Shows paths in the home directory as a person writes them: `~/.zshrc`.
pub(crate) fn from_home(text: &str, home: Option<&str>) -> String {
    let home = home.map(|home| home.trim_end_matches('/'));
    let Some(home) = home.filter(|home| home.starts_with('/')) else {
        return text.to_owned();
    };
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(home) {
        let (before, after) = (&rest[..at], &rest[at + home.len()..]);
        let is_whole = before.is_empty() || before.ends_with([' ', '(', '"']);
        let is_above = after.is_empty() || after.starts_with(['/', ' ', ')', ';', ',', '"', ':']);
        shown.push_str(before);
        shown.push_str(if is_whole && is_above { "~" } else { home });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Counts things: `1 key`, `2 keys`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_directory_is_a_tilde_where_a_path_begins() {
        for (text, shown) in [
            ("/h/me/.zshrc", "~/.zshrc"),
            ("a in /h/me/x:3; b in /h/me", "a in ~/x:3; b in ~"),
            ("/h/meg/x and /x/h/me/y", "/h/meg/x and /x/h/me/y"),
        ] {
            assert_eq!(from_home(text, Some("/h/me")), shown);
            assert_eq!(from_home(text, None), text);
        }
        assert_eq!(from_home("/a", Some("/")), "/a");
    }

    #[test]
    fn a_length_of_time_has_one_unit() {
        for (seconds, expected) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(roughly(SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn moments_are_shown_to_the_minute_and_things_are_counted() {
        let moment = "2026-11-21T04:46:12.65685Z";
        assert_eq!(to_the_minute(moment), "2026-11-21 04:46 UTC");
        assert_eq!(to_the_second(moment), "2026-11-21 04:46:12 UTC");
        assert_eq!(to_the_day(moment), "2026-11-21");
        assert_eq!(to_the_minute("soon"), "soon");
        assert_eq!(
            (counted(1, "key"), counted(0, "key")),
            ("1 key".to_owned(), "0 keys".to_owned())
        );
    }
}

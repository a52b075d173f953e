//! Times, durations, paths and counts as text for people. Programs get exact values with `--json`.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::clock::Clock;

/// Formats an RFC 3339 time in the user's zone, such as `04:46` or `Dec 24 04:46`.
pub(crate) fn local_time(rfc3339: &str, clock: &Clock) -> String {
    let at = rfc3339.parse();
    at.map_or_else(|_| rfc3339.to_owned(), |at| clock.format(at))
}

/// Formats the date of an RFC 3339 time, such as `2026-11-21`.
pub(crate) fn utc_date(rfc3339: &str) -> String {
    let date = rfc3339.get(.."2026-11-21".len());
    date.unwrap_or(rfc3339).to_owned()
}

/// Formats a duration in its largest unit, rounded down: `50 s`, `12 min`, `3 h`, `6 days`.
pub(crate) fn rough_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Formats a time in the user's zone with its distance from now: `15:00 (in 2 h)`, `11:59 (1 min ago)`.
pub(crate) fn relative_time(at: Timestamp, clock: &Clock) -> String {
    let (time, distance) = (clock.format(at), at.duration_since(clock.now));
    if distance.is_positive() {
        format!("{time} (in {})", rough_duration(distance))
    } else {
        format!("{time} ({} ago)", rough_duration(-distance))
    }
}

/// Formats an RFC 3339 time as [`relative_time`] does.
pub(crate) fn relative_time_from_text(rfc3339: &str, clock: &Clock) -> String {
    let at = rfc3339.parse();
    at.map_or_else(|_| rfc3339.to_owned(), |at| relative_time(at, clock))
}

/// Replaces the home directory in paths with `~`, as in `~/.zshrc`.
pub(crate) fn abbreviate_home(text: &str, home: Option<&str>) -> String {
    let home = home.map(|home| home.trim_end_matches('/'));
    let Some(home) = home.filter(|home| home.starts_with('/')) else {
        return text.to_owned();
    };
    let mut abbreviated = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(home) {
        let (before, after) = (&rest[..at], &rest[at + home.len()..]);
        let starts_path = before.is_empty() || before.ends_with([' ', '(', '"']);
        let ends_directory =
            after.is_empty() || after.starts_with(['/', ' ', ')', ';', ',', '"', ':']);
        abbreviated.push_str(before);
        abbreviated.push_str(if starts_path && ends_directory {
            "~"
        } else {
            home
        });
        rest = after;
    }
    abbreviated.push_str(rest);
    abbreviated
}

/// Capitalizes an error's text, to print it as a note. A text that starts with code, a name or a path stays as it is.
pub(crate) fn sentence_case(text: &str) -> String {
    let word = text.split([' ', ',', ':']).next().unwrap_or_default();
    let is_name = word == "keyreeve" || !word.bytes().all(|c| c.is_ascii_lowercase());
    let mut sentence = text.to_owned();
    if !is_name && let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

/// Formats a count with its noun: `1 key`, `2 keys`.
pub(crate) fn pluralize(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Formats a number with thousands separators: `800,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Formats a size: `4 KiB`, `1.3 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut unit, mut in_unit) = (0, 1024);
    while bytes / in_unit >= 1024 && unit + 1 < UNITS.len() {
        unit += 1;
        in_unit *= 1024;
    }
    let whole = bytes / in_unit;
    let tenths = bytes % in_unit * 10 / in_unit;
    let fraction = if whole >= 10 || tenths == 0 {
        String::new()
    } else {
        format!(".{tenths}")
    };
    format!("{}{fraction} {}", thousands(whole), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_two_digits_or_no_fraction() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (4096, "4 KiB"),
            (1_052_672, "1 MiB"),
            (1_400_000, "1.3 MiB"),
            (268_435_456, "256 MiB"),
            (5 << 40, "5,120 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn home_directory_is_abbreviated_at_the_start_of_paths() {
        for (text, shown) in [
            ("/h/me/.zshrc", "~/.zshrc"),
            ("a in /h/me/x:3; b in /h/me", "a in ~/x:3; b in ~"),
            ("/h/meg/x and /x/h/me/y", "/h/meg/x and /x/h/me/y"),
        ] {
            assert_eq!(abbreviate_home(text, Some("/h/me")), shown);
            assert_eq!(abbreviate_home(text, None), text);
        }
        assert_eq!(abbreviate_home("/a", Some("/")), "/a");
    }

    #[test]
    fn durations_have_one_unit() {
        for (seconds, expected) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(rough_duration(SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn only_ordinary_words_are_capitalized() {
        for (text, expected) in [
            ("the file is missing", "The file is missing"),
            ("a", "A"),
            ("keyreeve serve", "keyreeve serve"),
            ("apiKeyHelper failed", "apiKeyHelper failed"),
            ("`claude` is missing", "`claude` is missing"),
            ("/etc/passwd: no access", "/etc/passwd: no access"),
            ("", ""),
        ] {
            assert_eq!(sentence_case(text), expected);
        }
    }

    #[test]
    fn times_and_counts_are_formatted() {
        let clock = Clock {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            zone: jiff::tz::TimeZone::posix("CET-1").unwrap(),
        };
        let time = "2026-11-21T04:46:12.65685Z";
        assert_eq!(local_time(time, &clock), "Sat 05:46");
        assert_eq!(utc_date(time), "2026-11-21");
        assert_eq!(local_time("soon", &clock), "soon");
        let grouped = [0, 999, 1_000, 800_000, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "999", "1,000", "800,000", "1,234,567"]);
        assert_eq!(
            (pluralize(1, "key"), pluralize(0, "key")),
            ("1 key".to_owned(), "0 keys".to_owned())
        );
    }
}

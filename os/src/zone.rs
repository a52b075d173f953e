//! Finds the user's time zone.
//!
//! Reads a single file and searches no directory, because the status line runs many times a minute. Falls back to UTC.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::environment::Environment;
use crate::files::open_anywhere;

/// The machine's time zone.
const LOCAL: &str = "/etc/localtime";
/// The directory of named time zones.
const ZONE_DIRECTORY: &str = "/usr/share/zoneinfo";
/// Maximum size of a zone file in bytes.
const MAX_ZONE_BYTES: u64 = 256 * 1024;

/// Returns the zone of `TZ`, read as POSIX defines it, or else the machine's zone.
pub fn user_zone(environment: &Environment) -> TimeZone {
    if !environment.is_set("TZ") {
        return read_zone(Path::new(LOCAL)).unwrap_or(TimeZone::UTC);
    }
    let name = environment.get("TZ").unwrap_or_default();
    let name = name.strip_prefix(':').unwrap_or(name);
    let named = zone_file(name).and_then(|file| read_zone(&file));
    named
        .or_else(|| TimeZone::posix(name).ok())
        .unwrap_or(TimeZone::UTC)
}

/// Returns the file of a named zone, or `None` if the name is a path outside the zone directory.
fn zone_file(name: &str) -> Option<PathBuf> {
    let escapes = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    match name {
        _ if name.starts_with('/') => Some(PathBuf::from(name)),
        _ if escapes => None,
        _ => Some(Path::new(ZONE_DIRECTORY).join(name)),
    }
}

fn read_zone(path: &Path) -> Option<TimeZone> {
    let mut bytes = Vec::new();
    let file = open_anywhere(path).ok()?;
    file.take(MAX_ZONE_BYTES).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif("", &bytes).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// Returns the zone's offset from UTC in summer, in hours.
    fn summer_offset(variables: &[(&str, &str)]) -> i32 {
        let zone = user_zone(&Environment::from_pairs(variables.iter().copied()));
        let summer: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        zone.to_offset(summer).seconds() / 3600
    }

    #[test]
    fn zone_is_named_or_posix_or_utc() {
        for (name, hours) in [
            ("", 0),
            ("UTC0", 0),
            ("EST5EDT,M3.2.0,M11.1.0", -4),
            (":JST-9", 9),
            ("No/Such", 0),
            ("../../etc/passwd", 0),
            ("/etc/passwd", 0),
            ("/", 0),
        ] {
            assert_eq!(summer_offset(&[("TZ", name)]), hours, "{name}");
        }
    }

    #[test]
    fn named_zone_file_is_read() {
        let berlin = Path::new(ZONE_DIRECTORY).join("Europe/Berlin");
        let expected = if berlin.is_file() { 2 } else { 0 };
        assert_eq!(summer_offset(&[("TZ", "Europe/Berlin")]), expected);
        assert_eq!(summer_offset(&[("TZ", ":Europe/Berlin")]), expected);
    }
}

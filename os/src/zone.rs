//! The time zone in which the person reads a clock.
//!
//! One file is read, and no directory searched: what is run many times a minute has no time for that. Where nothing can be
//! told, it is UTC.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use keyreeve_core::snapshot::Environment;

use crate::files::open_anywhere;

/// The zone of this machine.
const LOCAL: &str = "/etc/localtime";
/// Where zones lie by their names.
const NAMED: &str = "/usr/share/zoneinfo";
/// No zone's file has more bytes than this.
const LIMIT: u64 = 256 * 1024;

/// Finds the zone: `TZ`, as POSIX has it, else the machine's own.
pub fn of_person(environment: &Environment) -> TimeZone {
    if !environment.is_set("TZ") {
        return of_file(Path::new(LOCAL)).unwrap_or(TimeZone::UTC);
    }
    let name = environment.get("TZ").unwrap_or_default();
    let name = name.strip_prefix(':').unwrap_or(name);
    let named = file(name).and_then(|file| of_file(&file));
    named
        .or_else(|| TimeZone::posix(name).ok())
        .unwrap_or(TimeZone::UTC)
}

/// The file that a name stands for; none where it leads out of the folder of zones.
fn file(name: &str) -> Option<PathBuf> {
    let leads_out = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    match name {
        _ if name.starts_with('/') => Some(PathBuf::from(name)),
        _ if leads_out => None,
        _ => Some(Path::new(NAMED).join(name)),
    }
}

fn of_file(path: &Path) -> Option<TimeZone> {
    let mut bytes = Vec::new();
    let file = open_anywhere(path).ok()?;
    file.take(LIMIT).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif("", &bytes).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// The hours that a zone is ahead in summer.
    fn ahead(variables: &[(&str, &str)]) -> i32 {
        let zone = of_person(&Environment::from_pairs(variables.iter().copied()));
        let summer: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        zone.to_offset(summer).seconds() / 3600
    }

    #[test]
    fn a_zone_is_named_or_described_and_else_utc() {
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
            assert_eq!(ahead(&[("TZ", name)]), hours, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_read() {
        let berlin = Path::new(NAMED).join("Europe/Berlin");
        let expected = if berlin.is_file() { 2 } else { 0 };
        assert_eq!(ahead(&[("TZ", "Europe/Berlin")]), expected);
        assert_eq!(ahead(&[("TZ", ":Europe/Berlin")]), expected);
    }
}

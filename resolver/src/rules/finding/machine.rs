//! Findings about the machine: the connection to the API, the clock and the search path of programs.

use jiff::SignedDuration;

use super::evidence::Evidence;
use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::claude_code::SettingSources;
use crate::rules::connection::{ConnectionRisk, ConnectionSetting, connection_settings};
use crate::rules::snapshot::Snapshot;

/// Maximum time the clock may be behind the latest recorded time without a finding.
const MAX_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    let settings = connection_settings(snapshot, Some(SettingSources::ALL));
    found.extend(settings.iter().map(connection));
    found.extend(clock(snapshot, evidence));
    found.extend(relative_path(snapshot));
    found.extend(evidence.local_claude.as_deref().map(|path| {
        Finding::new(
            FindingCode::LocalClaude,
            FindingLocation::file(path),
            "a program named claude is in this directory, where it could run instead of the real one",
            Fix::manual(format!("check {}, and start the real one by its absolute path", shown(path))),
        )
    }));
    found
}

/// Reports a variable that changes connections to the API.
fn connection(setting: &ConnectionSetting<'_>) -> Finding {
    let name = setting.name;
    let (code, message) = match setting.risk {
        ConnectionRisk::Proxy => (
            FindingCode::Proxy,
            format!(
                "{name} is set: clients that support it send requests through a proxy; keyreeve's own requests do not use it"
            ),
        ),
        ConnectionRisk::Certificates => (
            FindingCode::Certificates,
            format!(
                "{name} is set: the issuer of those certificates can intercept connections to the API"
            ),
        ),
        ConnectionRisk::Unchecked => (
            FindingCode::TlsUnchecked,
            format!(
                "{name} is 0: Node programs send credentials without checking the server's certificate"
            ),
        ),
    };
    let (location, fix) = match setting.file {
        None => (FindingLocation::variable(name), Fix::unset(name)),
        Some((path, line)) => (
            FindingLocation::line(path, line),
            Fix::manual(format!("remove env.{name} from {}", shown(path))),
        ),
    };
    Finding::new(code, location, message, fix)
}

/// Finds a clock that is behind the latest recorded time; without a network no other check is possible.
fn clock(snapshot: &Snapshot, evidence: &Evidence) -> Option<Finding> {
    let written = evidence.last_written_at?;
    let behind = written.duration_since(snapshot.now);
    (behind > MAX_CLOCK_DIFFERENCE).then(|| {
        Finding::new(
            FindingCode::ClockSetBack,
            FindingLocation::Machine,
            format!("the clock is at {:.0}, but keyreeve recorded {written:.0} earlier; expiry checks of tokens depend on this clock", snapshot.now),
            Fix::manual("set the clock, preferably from a time server"),
        )
    })
}

fn relative_path(snapshot: &Snapshot) -> Option<Finding> {
    let path = snapshot.environment.get("PATH")?;
    let relative = path.split(':').find(|entry| !entry.starts_with('/'))?;
    let entry = match relative {
        "" => "an empty entry".to_owned(),
        entry => format!("`{}`", shown(entry)),
    };
    Some(Finding::new(
        FindingCode::RelativePath,
        FindingLocation::variable("PATH"),
        format!(
            "PATH contains {entry}: a project's own `claude` or helper could run instead of the real one"
        ),
        Fix::manual("keep only absolute paths in PATH"),
    ))
}

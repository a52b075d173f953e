//! What is risky about the machine: the way to the API, the clock, where programs are found.

use jiff::SignedDuration;

use crate::rivals::{CERTIFICATES, PROXIES};
use crate::snapshot::Snapshot;

use super::evidence::Evidence;
use super::{Code, Finding, Mend, Spot, shown};

/// How far a clock may be behind what was written with it, before that is told.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let filled = |name: &str| {
        snapshot
            .environment
            .get(name)
            .is_some_and(|value| !value.trim().is_empty())
    };
    let mut found = Vec::new();
    let proxies = PROXIES.map(|name| [name.to_owned(), name.to_ascii_lowercase()]);
    for name in proxies.as_flattened().iter().filter(|name| filled(name)) {
        found.push(Finding::new(
            Code::Proxy,
            Spot::variable(name),
            format!("{name} is set: clients that heed it ask a proxy for the API; keyreeve's own requests go straight"),
            Mend::unset(name),
        ));
    }
    for name in CERTIFICATES.iter().filter(|name| filled(name)) {
        found.push(Finding::new(
            Code::Certificates,
            Spot::variable(name),
            format!("{name} is set: whoever issued those certificates can stand between a client and the API"),
            Mend::unset(name),
        ));
    }
    found.extend(unchecked(snapshot));
    found.extend(clock(snapshot, evidence));
    found.extend(relative_path(snapshot));
    found.extend(evidence.claude_here.as_deref().map(|path| {
        Finding::new(
            Code::ClaudeHere,
            Spot::file(path),
            "a program named claude lies here: started from this directory it could be taken for the real one",
            Mend::words(format!("look at {}, and start the real one by its whole path", shown(path))),
        )
    }));
    found
}

fn unchecked(snapshot: &Snapshot) -> Option<Finding> {
    const NAME: &str = "NODE_TLS_REJECT_UNAUTHORIZED";
    (snapshot.environment.get(NAME)?.trim() == "0").then(|| {
        Finding::new(
            Code::TlsUnchecked,
            Spot::variable(NAME),
            format!("{NAME} is 0: programs on Node send credentials to whoever answers"),
            Mend::unset(NAME),
        )
    })
}

/// Without a network only this can be told: whether the clock is behind what was written with it.
fn clock(snapshot: &Snapshot, evidence: &Evidence) -> Option<Finding> {
    let written = evidence.last_written?;
    let behind = written.duration_since(snapshot.now);
    (behind > SLACK).then(|| {
        Finding::new(
            Code::Clock,
            Spot::Machine,
            format!("the clock says {:.0}, but keyreeve wrote something at {written:.0} by it: tokens are taken for good or for ended by this clock", snapshot.now),
            Mend::words("set the clock, best by the network"),
        )
    })
}

fn relative_path(snapshot: &Snapshot) -> Option<Finding> {
    let path = snapshot.environment.get("PATH")?;
    let here = path.split(':').find(|entry| !entry.starts_with('/'))?;
    let entry = match here {
        "" => "an empty entry".to_owned(),
        entry => format!("`{}`", shown(entry)),
    };
    Some(Finding::new(
        Code::RelativePath,
        Spot::variable("PATH"),
        format!(
            "PATH has {entry}: a project's own `claude` or helper could be run in place of the real one"
        ),
        Mend::words("keep only whole paths in PATH"),
    ))
}

//! Parts of a profile as text, and warnings about its expiry.

use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::wire::{ProfileView, SourceView};
use keyreeve_core::profile::Profile;
use keyreeve_resolver::snapshot::UnverifiedRow;

use crate::output::{Line, utc_date};

/// The state of a profile or key whose row does not verify.
pub(crate) const NOT_VERIFIED: &str = "not verified";

/// The reason for that state.
pub(crate) const NOT_VERIFIED_REASON: &str =
    "something other than keyreeve changed it, so it is not used";

/// Describes a profile or key whose row does not verify.
pub(crate) fn describe_unverified(row: &UnverifiedRow) -> String {
    let (what, name) = match row {
        UnverifiedRow::Profile(name) => ("profile", name),
        UnverifiedRow::Key(name) => ("key", name),
    };
    format!("{what} {name} is {NOT_VERIFIED}: {NOT_VERIFIED_REASON}")
}

/// A secret that expires within this number of days is reported.
const EXPIRY_WARNING_DAYS: i64 = 30;

/// Returns which secrets expire soon or have expired.
pub(crate) fn expiry_warnings(profiles: &[Profile], now: Timestamp) -> Vec<Line> {
    let warning = |profile: &Profile| {
        let warning = expiry_warning(profile.expires_at?, now)?;
        let name = &profile.name;
        Some([
            Line::Note(format!("The secret of profile `{name}` {warning}")),
            Line::Fix(format!("keyreeve profile rotate {name}")),
        ])
    };
    profiles.iter().filter_map(warning).flatten().collect()
}

/// Returns when a secret expires, if that is soon.
fn expiry_warning(at: Timestamp, now: Timestamp) -> Option<String> {
    let day = utc_date(&at.to_string());
    let remaining = at.duration_since(now);
    if remaining <= SignedDuration::ZERO {
        return Some(format!("expired on {day}"));
    }
    let days = remaining.as_hours() / 24;
    match days {
        0 => Some(format!("expires within a day, on {day}")),
        1..EXPIRY_WARNING_DAYS => Some(format!("expires on {day}, in {days} days")),
        _ => None,
    }
}

/// Returns the source of a profile's secret, or the visible part of a stored one.
pub(crate) fn secret_label(profile: &ProfileView) -> String {
    match &profile.source {
        SourceView::Encrypted => profile.hint.clone().unwrap_or_default(),
        SourceView::Environment { variable } => format!("${variable}"),
        SourceView::File { path } => path.clone(),
        SourceView::Command { argv } => argv.join(" "),
        SourceView::SdkProfile {
            directory: None,
            name,
        } => format!("SDK profile {name}"),
        SourceView::SdkProfile {
            directory: Some(directory),
            name,
        } => format!("SDK profile {name} in {directory}"),
        SourceView::Ant { profile: None } => "login of `ant`".to_owned(),
        SourceView::Ant {
            profile: Some(profile),
        } => format!("login of `ant`, profile {profile}"),
        SourceView::ClaudeLogin { config_dir: None } => "Claude Code's own login".to_owned(),
        SourceView::ClaudeLogin {
            config_dir: Some(directory),
        } => format!("Claude Code's own login in {directory}"),
    }
}

/// Returns the billing class of a profile.
pub(crate) fn billing_label(class: &'static str, simulated: bool) -> &'static str {
    if simulated { "simulated" } else { class }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_reported_a_month_ahead() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2027-05-01T00:00:00Z", None),
            ("2026-12-21T12:00:00Z", None),
            (
                "2026-12-21T11:00:00Z",
                Some("expires on 2026-12-21, in 29 days"),
            ),
            (
                "2026-11-22T11:00:00Z",
                Some("expires within a day, on 2026-11-22"),
            ),
            ("2026-11-21T12:00:00Z", Some("expired on 2026-11-21")),
        ] {
            assert_eq!(
                expiry_warning(at.parse().unwrap(), now).as_deref(),
                expected,
                "{at}"
            );
        }
    }
}

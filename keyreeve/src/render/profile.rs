//! Parts of a profile as text, and the warning about its expiry.

use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::wire::{ProfileView, SourceView};
use keyreeve_core::profile::Profile;

use crate::context::Context;
use crate::output::utc_date;

/// A secret that expires within this number of days is reported.
const EXPIRY_WARNING_DAYS: i64 = 30;

/// Prints which secrets expire soon or have expired.
pub(crate) fn warn_expiring(profiles: &[Profile], context: &Context) {
    let now = context.snapshot.now;
    for profile in profiles {
        let Some(warning) = profile.expires_at.and_then(|at| expiry_warning(at, now)) else {
            continue;
        };
        let name = &profile.name;
        context
            .output
            .note(&format!("The secret of profile `{name}` {warning}"));
        context
            .output
            .fix(&format!("keyreeve profile rotate {name}"));
    }
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

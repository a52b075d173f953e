//! Profiles as text and JSON.

use std::slice;

use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::view::{
    LimitView, OwnerLimitsView, ProfileDetailsView, ProfileView, ProfilesView, SourceView,
};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_store::{LeaseSnapshot, Store};

use super::super::limits::describe;
use super::{find, health};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Format, Table, relative_time_from_text, utc_date};

/// A secret that expires within this number of days is reported.
const EXPIRY_WARNING_DAYS: i64 = 30;

pub(super) fn list(context: &Context) -> Result<(), CommandError> {
    let snapshot = context.open_store()?.lease_snapshot()?;
    let view = ProfilesView::new(&snapshot, context.snapshot.now);
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    if view.profiles.is_empty() {
        context.output.success("No profiles yet");
        context.output.hint("Add one: `keyreeve profile add NAME`");
        return Ok(());
    }
    context.output.table(&table(&view.profiles))?;
    health::print_details(&view.profiles, context)?;
    warn_expiring(snapshot.policy.profiles(), context);
    Ok(())
}

/// Prints which secrets expire soon or have expired.
pub(in crate::commands) fn warn_expiring(profiles: &[Profile], context: &Context) {
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

/// Returns the profiles as a table.
fn table(profiles: &[ProfileView]) -> Table {
    let columns = [
        "profile", "secret", "sent to", "header", "billing", "health",
    ]
    .map(|title| (title, Align::Left));
    let mut table = Table::new(&columns).omit_if_narrow(&["header"]);
    for profile in profiles {
        let suffix = if profile.default { " (default)" } else { "" };
        table.row([
            format!("{}{suffix}", profile.name),
            secret_label(profile),
            profile.base_url.clone(),
            profile.auth.to_owned(),
            billing_label(profile.billing, profile.simulated).to_owned(),
            health::short_state(&profile.health),
        ]);
    }
    table
}

pub(super) fn show(name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let (snapshot, now) = (store.lease_snapshot()?, context.snapshot.now);
    let profile = find(&snapshot.policy, name)?;
    let details = ProfileDetailsView {
        profile: ProfileView::new(profile, &snapshot, now),
        limits: OwnerLimitsView::for_profile(profile, &store.limits()?, now).limits,
    };
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&details)?);
    }
    let (view, clock) = (details.profile, context.clock());
    let time = |at: &str| relative_time_from_text(at, &clock);
    let mut lines = vec![
        ("secret", secret_label(&view)),
        ("sent to", view.base_url.clone()),
        ("header", view.auth.to_owned()),
        (
            "billing",
            billing_label(view.billing, view.simulated).to_owned(),
        ),
        ("provenance", view.provenance.to_owned()),
        ("raw key", exposure_label(&view).to_owned()),
        ("added", time(&view.created_at)),
    ];
    lines.extend(view.expires_at.as_deref().map(|at| ("expires", time(at))));
    lines.extend(view.rotated_at.as_deref().map(|at| ("rotated", time(at))));
    lines.push(("health", health::describe(&view.health, &clock)));
    for reason in &view.health.reasons {
        lines.extend(health::reason_lines(reason, &view.name, &clock));
    }
    lines.extend(limit_lines(&details.limits, &clock));
    let suffix = if view.default { " (default)" } else { "" };
    context.output.headline(&format!("{}{suffix}", view.name))?;
    for (label, value) in lines {
        context.output.field(label, &value)?;
    }
    warn_expiring(slice::from_ref(profile), context);
    Ok(())
}

/// Returns the limits reported in the profile's responses, one line each.
fn limit_lines(limits: &[LimitView], clock: &Clock) -> Vec<(&'static str, String)> {
    if limits.is_empty() {
        return vec![("limits", "not seen yet".to_owned())];
    }
    let labels = std::iter::once("limits").chain(std::iter::repeat(""));
    let descriptions = limits.iter().map(|limit| describe(limit, clock));
    labels.zip(descriptions).collect()
}

/// Prints a profile after a change, under `--json`.
pub(super) fn print_changed(
    name: &Name,
    store: &Store,
    context: &Context,
) -> Result<(), CommandError> {
    if context.output.format() == Format::Json {
        let snapshot = store.lease_snapshot()?;
        let profile = find(&snapshot.policy, name)?;
        // The change is later than the time of the context.
        let view = ProfileView::new(profile, &snapshot, keyreeve_os::system::now());
        context.output.document(&view)?;
    }
    Ok(())
}

/// Prints a profile after its deletion, under `--json`.
pub(super) fn print_removed(
    profile: &Profile,
    snapshot: &LeaseSnapshot,
    context: &Context,
) -> Result<(), CommandError> {
    if context.output.format() == Format::Json {
        let mut view = ProfileView::new(profile, snapshot, context.snapshot.now);
        view.default = false;
        context.output.document(&view)?;
    }
    Ok(())
}

/// Returns the source of a profile's secret, or the visible part of a stored one.
pub(in crate::commands) fn secret_label(profile: &ProfileView) -> String {
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

/// Returns whether programs get a profile's raw key.
fn exposure_label(profile: &ProfileView) -> &'static str {
    match (profile.billing, profile.secret_exposure) {
        ("plan", _) => "given only to the real `claude`",
        (_, "programs") => "given to programs you start",
        _ => "never given to programs",
    }
}

/// Returns the billing class of a profile.
pub(in crate::commands) fn billing_label(class: &'static str, simulated: bool) -> &'static str {
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

//! Profiles as text and JSON.

use std::slice;

use keyreeve_broker::wire::{
    LimitView, OwnerLimitsView, ProfileDetailsView, ProfileView, ProfilesView,
};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_store::{LeaseSnapshot, Store};

use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Format, Table, relative_time_from_text};
use crate::profiles::find;
use crate::render::health;
use crate::render::limit::describe;
use crate::render::profile::{billing_label, expiry_warnings, secret_label};

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
    let details = health::details(&view.profiles, &context.clock());
    context.output.write(&details)?;
    let warnings = expiry_warnings(snapshot.policy.profiles(), context.snapshot.now);
    context.output.write(&warnings)?;
    Ok(())
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
    let warnings = expiry_warnings(slice::from_ref(profile), context.snapshot.now);
    context.output.write(&warnings)?;
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

/// Returns whether programs get a profile's raw key.
fn exposure_label(profile: &ProfileView) -> &'static str {
    match (profile.billing, profile.secret_exposure) {
        ("plan", _) => "given only to the real `claude`",
        (_, "programs") => "given to programs you start",
        _ => "never given to programs",
    }
}

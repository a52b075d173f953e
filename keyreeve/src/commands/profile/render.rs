//! Profiles as text.

use std::slice;

use keyreeve_broker::admin::profiles::{AffectedKey, RemainingProfiles, RemovedProfile};
use keyreeve_broker::wire::{LimitView, ProfileDetailsView, ProfileView, ProfilesView};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{Name, Profile};

use crate::output::{Align, Line, Table, relative_time_from_text};
use crate::render::health;
use crate::render::limit::describe;
use crate::render::profile::{
    NOT_VERIFIED, NOT_VERIFIED_REASON, billing_label, expiry_warnings, secret_label,
};

/// Returns the profiles in `view`, which are `profiles`.
pub(super) fn list(view: &ProfilesView, profiles: &[Profile], clock: &Clock) -> Vec<Line> {
    if view.profiles.is_empty() {
        return vec![
            Line::Success("No profiles yet".to_owned()),
            Line::Hint("Add one: `keyreeve profile add NAME`".to_owned()),
        ];
    }
    let mut lines = vec![Line::Table(table(&view.profiles))];
    lines.extend(health::details(&view.profiles, clock));
    lines.extend(expiry_warnings(profiles, clock.now));
    lines
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
            if profile.verified {
                health::short_state(&profile.health)
            } else {
                NOT_VERIFIED.to_owned()
            },
        ]);
    }
    table
}

/// Returns everything about the profile in `view`, which is `profile`.
pub(super) fn details(view: &ProfileDetailsView, profile: &Profile, clock: &Clock) -> Vec<Line> {
    let ProfileDetailsView {
        profile: view,
        limits,
    } = view;
    let time = |at: &str| relative_time_from_text(at, clock);
    let mut fields = vec![
        ("secret", secret_label(view)),
        ("sent to", view.base_url.clone()),
        ("header", view.auth.to_owned()),
        (
            "billing",
            billing_label(view.billing, view.simulated).to_owned(),
        ),
        ("provenance", view.provenance.to_owned()),
        ("raw key", exposure_label(view).to_owned()),
        ("added", time(&view.created_at)),
    ];
    fields.extend(view.expires_at.as_deref().map(|at| ("expires", time(at))));
    fields.extend(view.rotated_at.as_deref().map(|at| ("rotated", time(at))));
    if !view.verified {
        let text = format!("{NOT_VERIFIED}: {NOT_VERIFIED_REASON}");
        fields.push(("verified", text));
    }
    fields.push(("health", health::describe(&view.health, clock)));
    for reason in &view.health.reasons {
        fields.extend(health::reason_lines(reason, &view.name, clock));
    }
    fields.extend(limit_lines(limits, clock));
    let suffix = if view.default { " (default)" } else { "" };
    let mut lines = vec![Line::Headline(format!("{}{suffix}", view.name))];
    lines.extend(
        fields
            .into_iter()
            .map(|(label, value)| Line::Field(label, value)),
    );
    lines.extend(expiry_warnings(slice::from_ref(profile), clock.now));
    lines
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

/// Returns what was deleted, and what each key that used it has left.
pub(super) fn removed(removed: &RemovedProfile) -> Vec<Line> {
    let name = &removed.profile.name;
    let mut lines = vec![Line::Success(format!(
        "Deleted profile `{name}` and its secret"
    ))];
    let keys = removed.keys.iter();
    lines.extend(keys.map(|key| Line::Note(describe_remaining(key, name))));
    lines
}

fn describe_remaining(key: &AffectedKey, removed: &Name) -> String {
    let AffectedKey { name, remaining } = key;
    match remaining {
        RemainingProfiles::None => format!("Key `{name}` has no profiles left"),
        RemainingProfiles::Usable => format!("Key `{name}` still works, without `{removed}`"),
        RemainingProfiles::OtherBilling(class) => format!(
            "Key `{name}` may not use its remaining profiles, which have {0} billing. To allow it: `keyreeve key allow-billing {name} {0}`",
            class.name()
        ),
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

//! A directory's binding as text.

use keyreeve_broker::wire::BindingView;

use crate::output::sentence_case;

/// Describes a binding: `profile work, expected payer plan`.
pub(crate) fn describe_binding(binding: &BindingView) -> String {
    let profile = profile_name(binding).map(|name| format!("profile {name}"));
    let expect = binding
        .expect
        .as_ref()
        .map(|payer| format!("expected payer {payer}"));
    [profile, expect]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the name of the bound profile.
pub(crate) fn profile_name(binding: &BindingView) -> Option<String> {
    match (&binding.profile, binding.profile_removed) {
        (_, true) => Some("(removed)".to_owned()),
        (name, false) => name.clone(),
    }
}

/// Describes what a change of a binding kept, added, replaced and removed: `Kept profile work; added expected payer
/// plan`.
pub(crate) fn describe_change(previous: &BindingView, now: &BindingView) -> String {
    let profile = part_change(
        "profile",
        profile_name(previous).as_deref(),
        profile_name(now).as_deref(),
    );
    let expect = part_change(
        "expected payer",
        previous.expect.as_deref(),
        now.expect.as_deref(),
    );
    let parts: Vec<_> = [profile, expect].into_iter().flatten().collect();
    sentence_case(&parts.join("; "))
}

fn part_change(part: &str, previous: Option<&str>, now: Option<&str>) -> Option<String> {
    match (previous, now) {
        (None, None) => None,
        (None, Some(now)) => Some(format!("added {part} {now}")),
        (Some(previous), None) => Some(format!("removed {part} {previous}")),
        (Some(previous), Some(now)) if previous == now => Some(format!("kept {part} {now}")),
        (Some(previous), Some(now)) => Some(format!("changed {part} from {previous} to {now}")),
    }
}

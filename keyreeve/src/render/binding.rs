//! A directory's binding as text.

use keyreeve_broker::wire::BindingView;

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

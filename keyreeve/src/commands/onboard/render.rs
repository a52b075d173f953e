//! Changes made by `onboard`, and the next commands, as text.

use keyreeve_core::profile::{Profile, SecretExposure};

use super::SetUpResult;
use crate::output::Line;

/// A command and its purpose.
pub(super) type NextCommand = (String, &'static str);

/// Announces the test request.
pub(super) fn test_notice(profile: &Profile) -> String {
    if profile.is_plan_login() {
        "Testing: runs `claude` once with a tiny question".to_owned()
    } else {
        format!("Testing: sends a one-token request to {}", profile.base_url)
    }
}

/// Returns the next commands.
pub(super) fn next_commands(set_up: &SetUpResult) -> Vec<NextCommand> {
    let name = &set_up.profile.name;
    let exec = (
        format!("keyreeve exec --profile {name} -- claude"),
        "start Claude Code with it",
    );
    if set_up.profile.is_plan_login() {
        return vec![
            exec,
            (
                "keyreeve protect".to_owned(),
                "make plain `claude` use it, too",
            ),
            ("keyreeve status".to_owned(), "see who would pay"),
        ];
    }
    let key = set_up.key.as_ref().map(|(key, _)| key);
    // The raw key of other profiles is never given to programs; the gateway uses it.
    let mut next = match set_up.profile.secret_exposure {
        SecretExposure::Programs => vec![exec],
        SecretExposure::RequestsOnly => Vec::new(),
    };
    if key.is_none() {
        next.push((
            format!("keyreeve key add laptop --profile {name}"),
            "create a virtual key for your tools",
        ));
    }
    let key = key.map_or("laptop", |key| key.as_str());
    next.push(("keyreeve serve".to_owned(), "run the gateway"));
    next.push((
        format!("keyreeve connect claude-code --key {key}"),
        "print settings to paste",
    ));
    next
}

/// Returns the changes and the next commands.
pub(super) fn summary(changes: &[String], next: &[NextCommand]) -> Vec<Line> {
    let indent = "    ";
    let mut lines = vec![Line::Blank, Line::Headline("Done".to_owned())];
    lines.extend(changes.iter().map(|change| Line::Wrapped {
        text: format!("  {change}"),
        indent,
    }));
    lines.extend([Line::Blank, Line::Headline("Next".to_owned())]);
    let longest = next.iter().map(|(command, _)| command.len()).max();
    let width = longest.unwrap_or_default();
    lines.extend(next.iter().map(|(command, purpose)| Line::Entry {
        label: format!("  {command:<width$}"),
        description: (*purpose).to_owned(),
        indent,
    }));
    lines
}

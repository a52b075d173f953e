//! The protection of a machine, as text.

use keyreeve_broker::admin::protection::Protection;
use keyreeve_broker::wire::ProtectionView;
use keyreeve_os::file_system::FileSystem;
use keyreeve_resolver::finding::find_conflicts;
use keyreeve_resolver::machine::shell_scripts;
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::Snapshot;

use crate::output::{Line, abbreviate_home, sentence_case};

/// Variables that contain a credential (docs/facts.md#claude-code).
const CREDENTIALS: [&str; 3] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
];

/// Returns who would pay now, and what a new shell would set.
pub(super) fn now(snapshot: &Snapshot, home: Option<&str>) -> Vec<Line> {
    let resolution = resolve(snapshot, ClientProgram::CLAUDE_CODE);
    let headline = abbreviate_home(resolution.headline(), home);
    let mut lines = vec![Line::Headline(format!("Now: {headline}"))];
    for conflict in find_conflicts(snapshot, &shell_scripts(snapshot, &FileSystem::Real)) {
        let text = sentence_case(&conflict.describe(home));
        lines.push(Line::Wrapped {
            text: format!("! {text}"),
            indent: "  ",
        });
    }
    lines.push(Line::Blank);
    lines
}

/// Returns a note for each credential that this shell keeps until it ends.
pub(super) fn set_variables(snapshot: &Snapshot) -> Vec<Line> {
    let set = CREDENTIALS.into_iter().filter(|name| {
        let value = snapshot.environment.get(name);
        value.is_some_and(|value| !value.trim().is_empty())
    });
    set.map(|name| Line::Note(format!("{name} is still set in this shell: `unset {name}`")))
        .collect()
}

/// Returns the result of `protect`; after everything was taken back there is nothing left to say.
pub(super) fn finished(view: &ProtectionView, home: Option<&str>) -> Vec<Line> {
    if is_empty(view) && !view.changes.is_empty() {
        return Vec::new();
    }
    let mut lines = state(view, home);
    if !view.changes.is_empty() {
        lines.push(Line::Hint(
            "Open a new terminal for it to take effect. Take it back: `keyreeve protect --undo`"
                .to_owned(),
        ));
    }
    lines
}

/// Returns what is protected.
pub(super) fn state(view: &ProtectionView, home: Option<&str>) -> Vec<Line> {
    if is_empty(view) {
        return vec![
            Line::Success("Nothing is protected".to_owned()),
            Line::Hint("Protect this machine: `keyreeve protect`".to_owned()),
        ];
    }
    let mut lines = vec![Line::Headline("Protected".to_owned())];
    lines.extend(view.parts.iter().map(|part| {
        let missing = if part.intact {
            ""
        } else {
            " (changed or removed since)"
        };
        entry(part.name, &format!("{}{missing}", part.path), home)
    }));
    let bindings = view.bindings.iter();
    lines.extend(bindings.map(|directory| entry("binding", directory, home)));
    lines
}

/// Returns what is recorded, before it is taken back.
pub(super) fn recorded(protection: &Protection, home: Option<&str>) -> Vec<Line> {
    let view = ProtectionView {
        payer: String::new(),
        changes: Vec::new(),
        parts: protection.parts().iter().map(Into::into).collect(),
        bindings: protection.bound_directories(),
    };
    state(&view, home)
}

fn is_empty(view: &ProtectionView) -> bool {
    view.parts.is_empty() && view.bindings.is_empty()
}

fn entry(name: &str, text: &str, home: Option<&str>) -> Line {
    Line::Entry {
        label: format!("  {name:<17}"),
        description: abbreviate_home(text, home),
        indent: "    ",
    }
}

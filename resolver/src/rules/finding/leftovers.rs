//! Findings about keys that were left behind in comments and backups, and about variables that no file explains.

use super::assignment::{ExposedKey, VariableAssignment};
use super::evidence::{BackupFile, Evidence};
use super::files::{code_for, is_in_home, kind, readable_by_others};
use super::repair::KeyPlace;
use super::script::{Script, ScriptGroup};
use super::structure::Reach;
use super::syntax::AssignedValue;
use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::claude_code::SettingsState;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{BASE_URL, CREDENTIALS};

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for script in &evidence.scripts {
        let keys = script.commented_keys.iter();
        found.extend(keys.map(|key| key_in_comment(snapshot, script, key)));
    }
    for backup in &evidence.backups {
        let keys = backup.keys.iter();
        found.extend(keys.map(|key| key_in_backup(snapshot, backup, key)));
    }
    if evidence.searched_files {
        let names = CREDENTIALS.iter().chain(&[BASE_URL]);
        found.extend(names.filter_map(|name| unexplained(snapshot, evidence, name)));
    }
    found
}

fn key_in_comment(snapshot: &Snapshot, script: &Script, key: &ExposedKey) -> Finding {
    let code = match script.kind.group() {
        ScriptGroup::Shell | ScriptGroup::Environment | ScriptGroup::Editor => {
            FindingCode::KeyLeftBehind
        }
        // The file is shared with others, comment or not.
        ScriptGroup::Ci | ScriptGroup::Shared => code_for(script.kind),
    };
    Finding::new(
        code,
        FindingLocation::line(&script.path, key.line),
        format!(
            "{} ({}) is in a comment here, in plain text{}",
            kind(key.family),
            key.hint,
            readable_by_others(script.mode)
        ),
        removal(snapshot, &script.path, KeyPlace::Comment(script.kind)),
    )
}

fn key_in_backup(snapshot: &Snapshot, backup: &BackupFile, key: &ExposedKey) -> Finding {
    Finding::new(
        FindingCode::KeyLeftBehind,
        FindingLocation::line(&backup.path, key.line),
        format!(
            "{} ({}) is in this copy of a file, in plain text{}",
            kind(key.family),
            key.hint,
            readable_by_others(Some(backup.mode))
        ),
        removal(snapshot, &backup.path, KeyPlace::Backup),
    )
}

fn removal(snapshot: &Snapshot, path: &str, place: KeyPlace) -> Fix {
    if is_in_home(snapshot, path) {
        Fix::RemoveKey(place)
    } else {
        Fix::manual(format!("remove the key from {} yourself", shown(path)))
    }
}

/// Finds a variable of the environment that no file sets.
fn unexplained(snapshot: &Snapshot, evidence: &Evidence, name: &str) -> Option<Finding> {
    let current = snapshot.environment.get(name)?.trim();
    let sets_it = |script: &Script, assignment: &VariableAssignment| {
        assignment.name == name
            && assignment.reach != Reach::HereDocument
            && match &assignment.value {
                AssignedValue::Literal(value) => {
                    script.kind.is_shell() || value.inspect().trim() == current
                }
                AssignedValue::Computed => true,
                AssignedValue::Unset => false,
            }
    };
    let is_in_script = evidence
        .scripts
        .iter()
        .any(|script| script.assignments.iter().any(|it| sets_it(script, it)));
    let is_in_settings = snapshot.settings.iter().any(|file| match &file.state {
        SettingsState::Read(settings) => settings.variable(name).is_some(),
        SettingsState::Damaged(_) | SettingsState::Unreadable => false,
    });
    (!current.is_empty() && !is_in_script && !is_in_settings).then(|| {
        Finding::new(
            FindingCode::UnexplainedVariable,
            FindingLocation::variable(name),
            format!(
                "{name} is set in this process, but no file that was checked sets it: it was set by hand, by the program that started this shell, or in a place that was not checked"
            ),
            Fix::unset(name),
        )
    })
}

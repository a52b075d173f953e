//! What a project's own settings would change about who pays: a repository is untrusted (security promise P3).

use crate::claude_code::{Scope, SettingSources, SettingsFile, SettingsState};
use crate::rivals;
use crate::snapshot::Snapshot;

use super::plan::Plan;
use super::refusal::Offence;
use super::target::Target;

/// What is done about a project's settings that decide who pays or where requests go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProjectSettings {
    /// Nothing is started.
    Refused,
    /// The person has read them: only what would take the credential elsewhere stops the start.
    Allowed,
}

/// Settings beside `env` and the helper that start a program for a credential or a header.
const FETCHING: [&str; 4] = [
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "otelHeadersHelper",
];

/// Whether a setting starts a program for a credential or a header.
pub(crate) fn fetches(key: &str) -> bool {
    FETCHING.contains(&key)
}

/// Whether a setting starts a program, which then sees the environment.
pub(super) fn starts_program(key: &str) -> bool {
    fetches(key) || matches!(key, "hooks" | "statusLine")
}

/// Lists what the project's settings would change, file by file.
pub fn inspect_project(planned: &Snapshot, plan: &Plan, target: &Target) -> Vec<Offence> {
    let read = |file: &&SettingsFile| {
        let is_the_projects = match file.scope {
            Scope::Local | Scope::Project => true,
            Scope::Managed | Scope::Flag | Scope::User => false,
        };
        is_the_projects && target.arguments.sources.include(file.scope)
    };
    planned
        .settings
        .iter()
        .filter(read)
        .flat_map(|file| of_file(file, plan))
        .collect()
}

/// Finds a setting of the project, in the files that are read, that leads connections elsewhere, wherever the address that
/// is set leads.
pub fn diverted_by_project(snapshot: &Snapshot, read: SettingSources) -> Option<Offence> {
    let in_file = |file: &SettingsFile| {
        let settings = match (&file.state, file.scope) {
            (SettingsState::Read(settings), Scope::Local | Scope::Project) => settings,
            (SettingsState::Read(_), Scope::Managed | Scope::Flag | Scope::User)
            | (SettingsState::Damaged(_) | SettingsState::Unreadable, _) => return None,
        };
        let diverts = settings.env.iter().find(|variable| {
            let name = variable.name.as_str();
            let is_set = !variable.value.judge().trim().is_empty();
            is_set && (rivals::leads_elsewhere(name) || rivals::diverts(name))
        })?;
        Some(Offence {
            path: file.path.clone(),
            line: diverts.line,
            key: Some(format!("env.{}", diverts.name)),
        })
    };
    let files = snapshot.settings.iter();
    files
        .filter(|file| read.include(file.scope))
        .find_map(in_file)
}

fn of_file(file: &SettingsFile, plan: &Plan) -> Vec<Offence> {
    let offence = |line, key| Offence {
        path: file.path.clone(),
        line,
        key,
    };
    let settings = match &file.state {
        SettingsState::Read(settings) => settings,
        // Another reader may be more forgiving than ours.
        SettingsState::Damaged(damage) => return vec![offence(damage.line, None)],
        SettingsState::Unreadable => return vec![offence(1, None)],
    };
    let is_set = |text: &str| !text.trim().is_empty();
    let mut offences = Vec::new();
    for variable in &settings.env {
        let name = variable.name.as_str();
        if rivals::is_no_projects(name) && is_set(variable.value.judge()) {
            offences.push(offence(variable.line, Some(format!("env.{name}"))));
        }
    }
    let helper = settings.helper.as_ref();
    offences.extend(
        helper
            .filter(|helper| is_set(helper.command.judge()))
            .map(|helper| offence(helper.line, Some("apiKeyHelper".to_owned()))),
    );
    if plan.hands_secret() {
        let starting = settings
            .others
            .iter()
            .filter(|other| starts_program(other.key));
        offences.extend(starting.map(|other| offence(other.line, Some(other.key.to_owned()))));
    }
    offences
}

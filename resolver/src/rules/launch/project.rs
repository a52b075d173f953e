//! Project settings that would change who pays: a repository is untrusted (security promise P3).

use super::error::ProjectOverride;
use super::plan::LaunchPlan;
use super::target::Target;
use crate::rules::claude_code::{
    SettingSources, SettingsFile, SettingsScope, SettingsState, starts_program,
};
use crate::rules::conflicts;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::CLAUDE_CONFIG_DIR;

/// The policy for project settings that decide who pays or where requests go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProjectSettingsPolicy {
    /// Refuse to start the program.
    Refuse,
    /// Start it, since the user has read them, unless they would redirect the credential.
    Allow,
}

/// Lists the project settings that would change who pays or where requests go, file by file.
pub fn list_project_overrides(
    planned: &Snapshot,
    plan: &LaunchPlan,
    target: &Target,
) -> Vec<ProjectOverride> {
    project_files(planned, target.arguments.sources)
        .flat_map(|file| overrides_in_file(file, plan))
        .collect()
}

/// Finds a project setting, in the files that are read, that redirects connections whatever base URL is set.
pub fn find_project_redirect(
    snapshot: &Snapshot,
    sources: SettingSources,
) -> Option<ProjectOverride> {
    let in_file = |file: &SettingsFile| {
        let SettingsState::Read(settings) = &file.state else {
            return None;
        };
        let redirect = settings.env.iter().find(|variable| {
            let name = variable.name.as_str();
            let is_set = !variable.value.inspect().trim().is_empty();
            is_set
                && (conflicts::redirects_connections(name)
                    || conflicts::redirects_claude_code(name))
        })?;
        Some(ProjectOverride {
            path: file.path.clone(),
            line: redirect.line,
            key: Some(format!("env.{}", redirect.name)),
        })
    };
    project_files(snapshot, sources).find_map(in_file)
}

/// Returns the settings files of the project that are read.
fn project_files(
    snapshot: &Snapshot,
    sources: SettingSources,
) -> impl Iterator<Item = &SettingsFile> {
    // Without an absolute path, the user's settings are read from the working directory (docs/facts.md#claude-code-files).
    let config_dir = snapshot.environment.get(CLAUDE_CONFIG_DIR);
    let user_is_project = config_dir.is_some_and(|directory| !directory.starts_with('/'));
    let is_project = move |scope: SettingsScope| {
        scope.is_project() || user_is_project && scope == SettingsScope::User
    };
    let is_read =
        move |file: &&SettingsFile| is_project(file.scope) && sources.includes(file.scope);
    snapshot.settings.iter().filter(is_read)
}

fn overrides_in_file(file: &SettingsFile, plan: &LaunchPlan) -> Vec<ProjectOverride> {
    let found = |line, key| ProjectOverride {
        path: file.path.clone(),
        line,
        key,
    };
    let settings = match &file.state {
        SettingsState::Read(settings) => settings,
        // Another reader may be more forgiving than ours.
        SettingsState::Damaged(damage) => return vec![found(damage.line, None)],
        SettingsState::Unreadable => return vec![found(1, None)],
    };
    let is_set = |text: &str| !text.trim().is_empty();
    let mut overrides = Vec::new();
    for variable in &settings.env {
        let name = variable.name.as_str();
        if conflicts::is_forbidden_in_projects(name) && is_set(variable.value.inspect()) {
            overrides.push(found(variable.line, Some(format!("env.{name}"))));
        }
    }
    let helper = settings.helper.as_ref();
    overrides.extend(
        helper
            .filter(|helper| is_set(helper.command.inspect()))
            .map(|helper| found(helper.line, Some("apiKeyHelper".to_owned()))),
    );
    if plan.exposes_secret() {
        let programs = settings
            .others
            .iter()
            .filter(|other| starts_program(other.key));
        overrides.extend(programs.map(|other| found(other.line, Some(other.key.to_owned()))));
    }
    overrides
}

//! Paths of the files in which shells, projects, editors and CI services set variables (docs/facts.md#shell-files).

use std::path::{Path, PathBuf};

use keyreeve_os::file_system::FileSystem;

use crate::rules::finding::ScriptKind;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::XDG_CONFIG_HOME;

/// Maximum number of directories, from the current one upwards, that are searched.
const MAX_PARENTS: usize = 16;

const HOME_FILES: [(&str, ScriptKind); 7] = [
    (".bashrc", ScriptKind::Bash),
    (".bash_profile", ScriptKind::Bash),
    (".bash_login", ScriptKind::Bash),
    (".profile", ScriptKind::Sh),
    (".config/powershell/profile.ps1", ScriptKind::PowerShell),
    (
        ".config/powershell/Microsoft.PowerShell_profile.ps1",
        ScriptKind::PowerShell,
    ),
    (
        ".vscode-server/data/Machine/settings.json",
        ScriptKind::Editor,
    ),
];

const ZSH_FILES: [&str; 4] = [".zshenv", ".zprofile", ".zshrc", ".zlogin"];

const SYSTEM_FILES: [(&str, ScriptKind); 6] = [
    ("/etc/profile", ScriptKind::Sh),
    ("/etc/environment", ScriptKind::System),
    ("/etc/bash.bashrc", ScriptKind::Bash),
    ("/etc/zsh/zshenv", ScriptKind::Zsh),
    ("/etc/zsh/zshrc", ScriptKind::Zsh),
    ("/etc/fish/config.fish", ScriptKind::Fish),
];

const EDITORS: [&str; 4] = ["Code", "Code - Insiders", "VSCodium", "Cursor"];

const CI_FILES: [&str; 6] = [
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
];

/// Returns all paths of files that may set variables, each once.
pub(super) fn scripts(snapshot: &Snapshot, files: &FileSystem) -> Vec<(PathBuf, ScriptKind)> {
    let mut paths = home_files(snapshot, files);
    paths.extend(SYSTEM_FILES.map(|(path, kind)| (PathBuf::from(path), kind)));
    let scripts_in_directory = files_ending_in(files, Path::new("/etc/profile.d"), &[".sh"]);
    paths.extend(
        scripts_in_directory
            .into_iter()
            .map(|path| (path, ScriptKind::Sh)),
    );
    paths.extend(project_files(snapshot, files));
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|(path, _)| seen.insert(path.clone()));
    paths
}

/// Returns all paths of shell histories.
pub(super) fn histories(snapshot: &Snapshot) -> Vec<PathBuf> {
    let Some(home) = home(snapshot) else {
        return Vec::new();
    };
    let data = variable(snapshot, "XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let mut paths = vec![
        home.join(".bash_history"),
        home.join(".zsh_history"),
        home.join(".zhistory"),
        data.join("fish/fish_history"),
        data.join("powershell/PSReadLine/ConsoleHost_history.txt"),
    ];
    paths.extend(variable(snapshot, "ZDOTDIR").map(|directory| directory.join(".zsh_history")));
    paths.extend(variable(snapshot, "HISTFILE"));
    paths.sort();
    paths.dedup();
    paths
}

pub(super) fn home(snapshot: &Snapshot) -> Option<PathBuf> {
    snapshot.home.as_deref().map(PathBuf::from)
}

/// Returns the absolute path in a variable, if there is one.
fn variable(snapshot: &Snapshot, name: &str) -> Option<PathBuf> {
    let path = Path::new(snapshot.environment.get(name)?.trim());
    path.is_absolute().then(|| path.to_owned())
}

fn home_files(snapshot: &Snapshot, files: &FileSystem) -> Vec<(PathBuf, ScriptKind)> {
    let Some(home) = home(snapshot) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = HOME_FILES
        .map(|(name, kind)| (home.join(name), kind))
        .into();
    let zsh = variable(snapshot, "ZDOTDIR").unwrap_or_else(|| home.clone());
    // `.zshenv` may set ZDOTDIR itself, and is in the home directory then.
    paths.push((home.join(".zshenv"), ScriptKind::Zsh));
    paths.extend(ZSH_FILES.map(|name| (zsh.join(name), ScriptKind::Zsh)));
    let config = variable(snapshot, XDG_CONFIG_HOME).unwrap_or_else(|| home.join(".config"));
    paths.push((config.join("fish/config.fish"), ScriptKind::Fish));
    let scripts_in_directory = files_ending_in(files, &config.join("fish/conf.d"), &[".fish"]);
    paths.extend(
        scripts_in_directory
            .into_iter()
            .map(|path| (path, ScriptKind::Fish)),
    );
    for editor in EDITORS {
        for base in [config.clone(), home.join("Library/Application Support")] {
            let path = base.join(editor).join("User/settings.json");
            paths.push((path, ScriptKind::Editor));
        }
    }
    paths
}

fn project_files(snapshot: &Snapshot, files: &FileSystem) -> Vec<(PathBuf, ScriptKind)> {
    let Some(directory) = snapshot.directory.as_deref().map(Path::new) else {
        return Vec::new();
    };
    let home = home(snapshot);
    let mut paths = Vec::new();
    for parent in directory.ancestors().take(MAX_PARENTS) {
        paths.push((parent.join(".env"), ScriptKind::DotEnv));
        paths.push((parent.join(".env.local"), ScriptKind::DotEnv));
        paths.push((parent.join(".envrc"), ScriptKind::Direnv));
        if Some(parent) == home.as_deref() {
            break;
        }
    }
    paths.push((directory.join(".vscode/settings.json"), ScriptKind::Editor));
    paths.extend(CI_FILES.map(|name| (directory.join(name), ScriptKind::Ci)));
    let workflows = files_ending_in(
        files,
        &directory.join(".github/workflows"),
        &[".yml", ".yaml"],
    );
    paths.extend(workflows.into_iter().map(|path| (path, ScriptKind::Ci)));
    paths
}

/// Returns the files of a directory whose names end with one of these suffixes.
fn files_ending_in(files: &FileSystem, directory: &Path, suffixes: &[&str]) -> Vec<PathBuf> {
    files
        .list(directory)
        .into_iter()
        .filter(|name| suffixes.iter().any(|suffix| name.ends_with(suffix)))
        .map(|name| directory.join(name))
        .collect()
}

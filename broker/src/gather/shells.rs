//! Where shells, projects, editors and CI services find the variables they set (docs/facts.md#shell-files).

use std::path::{Path, PathBuf};

use keyreeve_core::finding::Reader;
use keyreeve_core::snapshot::Snapshot;
use keyreeve_os::look::Files;

/// So many directories above the current one are looked at.
const MOST_PARENTS: usize = 16;

const IN_HOME: [(&str, Reader); 7] = [
    (".bashrc", Reader::Bash),
    (".bash_profile", Reader::Bash),
    (".bash_login", Reader::Bash),
    (".profile", Reader::Sh),
    (".config/powershell/profile.ps1", Reader::PowerShell),
    (
        ".config/powershell/Microsoft.PowerShell_profile.ps1",
        Reader::PowerShell,
    ),
    (".vscode-server/data/Machine/settings.json", Reader::Editor),
];

const OF_ZSH: [&str; 4] = [".zshenv", ".zprofile", ".zshrc", ".zlogin"];

const OF_SYSTEM: [(&str, Reader); 6] = [
    ("/etc/profile", Reader::Sh),
    ("/etc/environment", Reader::System),
    ("/etc/bash.bashrc", Reader::Bash),
    ("/etc/zsh/zshenv", Reader::Zsh),
    ("/etc/zsh/zshrc", Reader::Zsh),
    ("/etc/fish/config.fish", Reader::Fish),
];

const EDITORS: [&str; 4] = ["Code", "Code - Insiders", "VSCodium", "Cursor"];

const OF_CI: [&str; 6] = [
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
];

/// Every place a file that sets variables may lie in, each once.
pub(super) fn scripts(snapshot: &Snapshot, files: &Files) -> Vec<(PathBuf, Reader)> {
    let mut all = of_home(snapshot, files);
    all.extend(OF_SYSTEM.map(|(path, reader)| (PathBuf::from(path), reader)));
    let below = within(files, Path::new("/etc/profile.d"), &[".sh"]);
    all.extend(below.into_iter().map(|path| (path, Reader::Sh)));
    all.extend(of_directory(snapshot, files));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|(path, _)| seen.insert(path.clone()));
    all
}

/// Every place a shell's history may lie in.
pub(super) fn histories(snapshot: &Snapshot) -> Vec<PathBuf> {
    let Some(home) = home(snapshot) else {
        return Vec::new();
    };
    let data = variable(snapshot, "XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let mut all = vec![
        home.join(".bash_history"),
        home.join(".zsh_history"),
        home.join(".zhistory"),
        data.join("fish/fish_history"),
        data.join("powershell/PSReadLine/ConsoleHost_history.txt"),
    ];
    all.extend(variable(snapshot, "ZDOTDIR").map(|directory| directory.join(".zsh_history")));
    all.extend(variable(snapshot, "HISTFILE"));
    all.sort();
    all.dedup();
    all
}

pub(super) fn home(snapshot: &Snapshot) -> Option<PathBuf> {
    snapshot.home.as_deref().map(PathBuf::from)
}

/// A directory or file that a variable names by its whole path.
fn variable(snapshot: &Snapshot, name: &str) -> Option<PathBuf> {
    let path = Path::new(snapshot.environment.get(name)?.trim());
    path.is_absolute().then(|| path.to_owned())
}

fn of_home(snapshot: &Snapshot, files: &Files) -> Vec<(PathBuf, Reader)> {
    let Some(home) = home(snapshot) else {
        return Vec::new();
    };
    let mut all: Vec<_> = IN_HOME
        .map(|(name, reader)| (home.join(name), reader))
        .into();
    let zsh = variable(snapshot, "ZDOTDIR").unwrap_or_else(|| home.clone());
    // `.zshenv` may be what sets ZDOTDIR, and then lies in the home directory.
    all.push((home.join(".zshenv"), Reader::Zsh));
    all.extend(OF_ZSH.map(|name| (zsh.join(name), Reader::Zsh)));
    let config = variable(snapshot, "XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    all.push((config.join("fish/config.fish"), Reader::Fish));
    let below = within(files, &config.join("fish/conf.d"), &[".fish"]);
    all.extend(below.into_iter().map(|path| (path, Reader::Fish)));
    for editor in EDITORS {
        for base in [config.clone(), home.join("Library/Application Support")] {
            let path = base.join(editor).join("User/settings.json");
            all.push((path, Reader::Editor));
        }
    }
    all
}

fn of_directory(snapshot: &Snapshot, files: &Files) -> Vec<(PathBuf, Reader)> {
    let Some(directory) = snapshot.directory.as_deref().map(Path::new) else {
        return Vec::new();
    };
    let home = home(snapshot);
    let mut all = Vec::new();
    for parent in directory.ancestors().take(MOST_PARENTS) {
        all.push((parent.join(".env"), Reader::DotEnv));
        all.push((parent.join(".env.local"), Reader::DotEnv));
        all.push((parent.join(".envrc"), Reader::Direnv));
        if Some(parent) == home.as_deref() {
            break;
        }
    }
    all.push((directory.join(".vscode/settings.json"), Reader::Editor));
    all.extend(OF_CI.map(|name| (directory.join(name), Reader::Ci)));
    let workflows = within(
        files,
        &directory.join(".github/workflows"),
        &[".yml", ".yaml"],
    );
    all.extend(workflows.into_iter().map(|path| (path, Reader::Ci)));
    all
}

/// The files of a directory whose names end in one of these ways.
fn within(files: &Files, directory: &Path, ends: &[&str]) -> Vec<PathBuf> {
    files
        .names(directory)
        .into_iter()
        .filter(|name| ends.iter().any(|end| name.ends_with(end)))
        .map(|name| directory.join(name))
        .collect()
}

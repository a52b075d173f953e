//! Paths of the files in which shells, projects, editors and CI services set variables (docs/facts.md#shell-files).

use std::path::{Path, PathBuf};

use keyreeve_os::file_system::FileSystem;

use crate::rules::finding::ScriptKind;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::XDG_CONFIG_HOME;

/// Maximum number of directories, from the current one upwards, that are searched.
const MAX_PARENTS: usize = 16;

const HOME_FILES: [(&str, ScriptKind); 27] = [
    (".bashrc", ScriptKind::Bash),
    (".bash_profile", ScriptKind::Bash),
    (".bash_login", ScriptKind::Bash),
    (".bash_aliases", ScriptKind::Bash),
    (".bash_logout", ScriptKind::Bash),
    (".profile", ScriptKind::Sh),
    (".kshrc", ScriptKind::Sh),
    (".mkshrc", ScriptKind::Sh),
    (".shinit", ScriptKind::Sh),
    (".xprofile", ScriptKind::Sh),
    (".xsession", ScriptKind::Sh),
    (".xsessionrc", ScriptKind::Sh),
    (".xinitrc", ScriptKind::Sh),
    (".cshrc", ScriptKind::Csh),
    (".tcshrc", ScriptKind::Csh),
    (".login", ScriptKind::Csh),
    (".pam_environment", ScriptKind::Pam),
    (".direnvrc", ScriptKind::Direnv),
    (".config/powershell/profile.ps1", ScriptKind::PowerShell),
    (
        ".config/powershell/Microsoft.PowerShell_profile.ps1",
        ScriptKind::PowerShell,
    ),
    (
        ".vscode-server/data/Machine/settings.json",
        ScriptKind::Editor,
    ),
    (".cursor/mcp.json", ScriptKind::McpServers),
    (".codeium/windsurf/mcp_config.json", ScriptKind::McpServers),
    (
        "Library/Application Support/Claude/claude_desktop_config.json",
        ScriptKind::McpServers,
    ),
    ("Library/Application Support/nushell/env.nu", ScriptKind::Nu),
    (
        "Library/Application Support/nushell/config.nu",
        ScriptKind::Nu,
    ),
    (".mise.toml", ScriptKind::Mise),
];

/// Files in `$XDG_CONFIG_HOME`.
const CONFIG_FILES: [(&str, ScriptKind); 9] = [
    ("fish/config.fish", ScriptKind::Fish),
    ("fish/fish_variables", ScriptKind::FishVariables),
    ("nushell/env.nu", ScriptKind::Nu),
    ("nushell/config.nu", ScriptKind::Nu),
    ("nushell/login.nu", ScriptKind::Nu),
    ("mise/config.toml", ScriptKind::Mise),
    ("direnv/direnvrc", ScriptKind::Direnv),
    ("plasma-workspace/env/env.sh", ScriptKind::Sh),
    ("Claude/claude_desktop_config.json", ScriptKind::McpServers),
];

/// Directories in `$XDG_CONFIG_HOME` all of whose files with a suffix are read.
const CONFIG_DIRECTORIES: [(&str, &str, ScriptKind); 4] = [
    ("fish/conf.d", ".fish", ScriptKind::Fish),
    ("environment.d", ".conf", ScriptKind::System),
    ("mise/conf.d", ".toml", ScriptKind::Mise),
    ("nushell/autoload", ".nu", ScriptKind::Nu),
];

const ZSH_FILES: [&str; 5] = [".zshenv", ".zprofile", ".zshrc", ".zlogin", ".zlogout"];

const SYSTEM_FILES: [(&str, ScriptKind); 12] = [
    ("/etc/profile", ScriptKind::Sh),
    ("/etc/environment", ScriptKind::System),
    ("/etc/security/pam_env.conf", ScriptKind::Pam),
    ("/etc/bash.bashrc", ScriptKind::Bash),
    ("/etc/bashrc", ScriptKind::Bash),
    ("/etc/zshenv", ScriptKind::Zsh),
    ("/etc/zshrc", ScriptKind::Zsh),
    ("/etc/zprofile", ScriptKind::Zsh),
    ("/etc/zsh/zshenv", ScriptKind::Zsh),
    ("/etc/zsh/zprofile", ScriptKind::Zsh),
    ("/etc/zsh/zshrc", ScriptKind::Zsh),
    ("/etc/fish/config.fish", ScriptKind::Fish),
];

/// Directories of the system all of whose files with a suffix are read.
const SYSTEM_DIRECTORIES: [(&str, &str, ScriptKind); 3] = [
    ("/etc/profile.d", ".sh", ScriptKind::Sh),
    ("/etc/environment.d", ".conf", ScriptKind::System),
    ("/etc/fish/conf.d", ".fish", ScriptKind::Fish),
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

/// Files of a project's directory.
const PROJECT_FILES: [(&str, ScriptKind); 9] = [
    (".vscode/settings.json", ScriptKind::Editor),
    (".vscode/launch.json", ScriptKind::Editor),
    (".vscode/tasks.json", ScriptKind::Editor),
    (".vscode/mcp.json", ScriptKind::McpServers),
    (".cursor/mcp.json", ScriptKind::McpServers),
    (".mcp.json", ScriptKind::McpServers),
    (".devcontainer.json", ScriptKind::DevContainer),
    (".devcontainer/devcontainer.json", ScriptKind::DevContainer),
    (".dev.vars", ScriptKind::DotEnv),
];

/// Files that tools look for in a directory and in its parents.
const PARENT_FILES: [(&str, ScriptKind); 8] = [
    (".envrc", ScriptKind::Direnv),
    ("mise.toml", ScriptKind::Mise),
    (".mise.toml", ScriptKind::Mise),
    ("mise.local.toml", ScriptKind::Mise),
    (".mise.local.toml", ScriptKind::Mise),
    ("mise/config.toml", ScriptKind::Mise),
    (".mise/config.toml", ScriptKind::Mise),
    (".config/mise.toml", ScriptKind::Mise),
];

/// Returns all paths of files that may set variables, each once.
pub(super) fn scripts(snapshot: &Snapshot, files: &FileSystem) -> Vec<(PathBuf, ScriptKind)> {
    let mut paths = home_files(snapshot, files);
    paths.extend(SYSTEM_FILES.map(|(path, kind)| (PathBuf::from(path), kind)));
    paths.extend(in_directories(files, Path::new("/"), &SYSTEM_DIRECTORIES));
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
    // Programs name the file that a new shell reads.
    paths.extend(variable(snapshot, "BASH_ENV").map(|path| (path, ScriptKind::Bash)));
    paths.extend(variable(snapshot, "ENV").map(|path| (path, ScriptKind::Sh)));
    let config = variable(snapshot, XDG_CONFIG_HOME).unwrap_or_else(|| home.join(".config"));
    paths.extend(CONFIG_FILES.map(|(name, kind)| (config.join(name), kind)));
    paths.extend(in_directories(files, &config, &CONFIG_DIRECTORIES));
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
        paths.extend(PARENT_FILES.map(|(name, kind)| (parent.join(name), kind)));
        let names = files.list(parent).into_iter();
        paths.extend(names.filter_map(|name| {
            let is_env = name == ".env" || name.starts_with(".env.") || has_extension(&name, "env");
            is_env.then(|| (parent.join(name), ScriptKind::DotEnv))
        }));
        if Some(parent) == home.as_deref() {
            break;
        }
    }
    paths.extend(PROJECT_FILES.map(|(name, kind)| (directory.join(name), kind)));
    paths.extend(CI_FILES.map(|name| (directory.join(name), ScriptKind::Ci)));
    let workflows = files_ending_in(
        files,
        &directory.join(".github/workflows"),
        &[".yml", ".yaml"],
    );
    paths.extend(workflows.into_iter().map(|path| (path, ScriptKind::Ci)));
    for folder in [directory.to_owned(), directory.join(".devcontainer")] {
        let names = files.list(&folder).into_iter();
        paths.extend(names.filter_map(|name| Some((folder.join(&name), container_file(&name)?))));
    }
    let containers = directory.join(".devcontainer");
    let names = files.list(&containers).into_iter();
    paths.extend(names.map(|name| {
        let path = containers.join(name).join("devcontainer.json");
        (path, ScriptKind::DevContainer)
    }));
    paths
}

/// Returns `true` if a name has an extension, in any case.
fn has_extension(name: &str, extension: &str) -> bool {
    let found = Path::new(name).extension();
    found.is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Recognizes a file that builds or starts containers by its name.
fn container_file(name: &str) -> Option<ScriptKind> {
    let lower = name.to_ascii_lowercase();
    let is_yaml = has_extension(name, "yml") || has_extension(name, "yaml");
    let is_compose = ["docker-compose", "compose"].iter().any(|start| {
        let rest = lower.strip_prefix(start);
        rest.is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    });
    let is_build = ["dockerfile", "containerfile"].iter().any(|word| {
        let rest = lower.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || lower.ends_with(&format!(".{word}"))
    });
    if is_build {
        Some(ScriptKind::Dockerfile)
    } else {
        (is_yaml && is_compose).then_some(ScriptKind::Compose)
    }
}

/// Returns the files in some directories below `base`.
fn in_directories(
    files: &FileSystem,
    base: &Path,
    directories: &[(&str, &str, ScriptKind)],
) -> Vec<(PathBuf, ScriptKind)> {
    let in_directory = |(name, suffix, kind): &(&str, &str, ScriptKind)| {
        let kind = *kind;
        let found = files_ending_in(files, &base.join(name), &[suffix]);
        found.into_iter().map(move |path| (path, kind))
    };
    directories.iter().flat_map(in_directory).collect()
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

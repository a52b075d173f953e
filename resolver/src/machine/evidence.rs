//! Evidence for `doctor` beyond the snapshot, gathered from files.

use std::path::{Path, PathBuf};

use keyreeve_core::token::contains_token;
use keyreeve_os::file_system::{FileState, FileSystem};

use super::scripts::{read_backups, read_scripts, record_read};
use super::shells::{histories, home, scripts};
use super::snapshot::to_text;
use crate::rules::claude_code::{ClaudeSettings, SettingsState};
use crate::rules::finding::{
    CredentialFile, CredentialFileKind, Evidence, History, Script, keys_in_history, prints_literal,
};
use crate::rules::snapshot::Snapshot;

/// Reads the files that set variables, shell histories and the permissions of credential files. `own` are keyreeve's
/// own directories. Evidence that does not come from files is left empty.
pub fn evidence(snapshot: &Snapshot, files: &FileSystem, own: &[&Path]) -> Evidence {
    let mut evidence = Evidence {
        searched_files: true,
        ..Evidence::default()
    };
    let paths = scripts(snapshot, files);
    read_scripts(snapshot, files, paths, &mut evidence);
    read_backups(files, &mut evidence);
    for path in histories(snapshot) {
        if let Some(file) = record_read(&mut evidence, files.read_lossy(&path), &path) {
            let keys = keys_in_history(&file.text);
            let path = to_text(&path);
            evidence.histories.push(History { path, keys });
        }
    }
    evidence.credential_files = credential_files(snapshot, files, own);
    evidence.literal_helpers = literal_helpers(snapshot, files);
    evidence.local_claude = snapshot.directory.as_deref().and_then(|directory| {
        let path = Path::new(directory).join("claude");
        let is_program = files.permissions(&path)?.mode & 0o111 != 0;
        is_program.then(|| to_text(&path))
    });
    evidence
}

/// Reads the files that a new shell would read and that set credentials: the cheap part of [`evidence`].
pub fn shell_scripts(snapshot: &Snapshot, files: &FileSystem) -> Vec<Script> {
    let mut evidence = Evidence::default();
    let mut paths = scripts(snapshot, files);
    paths.retain(|(_, kind)| kind.is_shell());
    read_scripts(snapshot, files, paths, &mut evidence);
    evidence.scripts
}

fn credential_files(snapshot: &Snapshot, files: &FileSystem, own: &[&Path]) -> Vec<CredentialFile> {
    let mut paths = Vec::new();
    if let Some(login) = &snapshot.login {
        paths.push((PathBuf::from(&login.path), CredentialFileKind::Login));
    }
    for store in &snapshot.sdk_stores {
        let directory = Path::new(&store.directory).join("credentials");
        let names = files.list(&directory);
        paths.extend(
            names
                .into_iter()
                .map(|name| (directory.join(name), CredentialFileKind::SdkCredentials)),
        );
    }
    for file in &snapshot.settings {
        if let SettingsState::Read(settings) = &file.state
            && has_credential(settings)
        {
            paths.push((PathBuf::from(&file.path), CredentialFileKind::Settings));
        }
    }
    for directory in own {
        let names = files.list(directory);
        paths.extend(
            names
                .into_iter()
                .map(|name| (directory.join(name), CredentialFileKind::OwnStore)),
        );
    }
    paths
        .into_iter()
        .filter_map(|(path, kind)| {
            let permissions = files.permissions(&path)?;
            Some(CredentialFile {
                path: to_text(&path),
                kind,
                mode: permissions.mode,
                is_owned_by_user: permissions.is_ours,
            })
        })
        .collect()
}

fn has_credential(settings: &ClaudeSettings) -> bool {
    let is_credential_name = |name: &str| name.ends_with("_API_KEY") || name.ends_with("_TOKEN");
    settings.env.iter().any(|setting| {
        let text = setting.value.inspect();
        contains_token(text) || (is_credential_name(&setting.name) && !text.trim().is_empty())
    })
}

/// Finds the helpers whose script only prints a literal: path and line of their setting.
fn literal_helpers(snapshot: &Snapshot, files: &FileSystem) -> Vec<(String, usize)> {
    snapshot
        .settings
        .iter()
        .filter_map(|file| {
            let SettingsState::Read(settings) = &file.state else {
                return None;
            };
            let helper = settings.helper.as_ref()?;
            let path = helper_script(helper.command.inspect(), snapshot)?;
            match files.read(&path) {
                FileState::Text(script) if prints_literal(&script.text) => {
                    Some((file.path.clone(), helper.line))
                }
                FileState::Text(_) | FileState::Missing | FileState::Unreadable => None,
            }
        })
        .collect()
}

/// Returns the script that a helper's command line starts, if its first word is a path.
fn helper_script(command: &str, snapshot: &Snapshot) -> Option<PathBuf> {
    let mut words = command.split_whitespace();
    let word = match words.next()? {
        "sh" | "bash" | "/bin/sh" | "/bin/bash" => words.next()?,
        word => word,
    };
    let path = match word.strip_prefix("~/") {
        Some(below) => home(snapshot)?.join(below),
        None => Path::new(snapshot.directory.as_deref()?).join(word),
    };
    word.contains('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use keyreeve_os::environment::Environment;

    use super::*;
    use crate::machine::scripts::MAX_SOURCE_DEPTH;
    use crate::rules::claude_code::{SettingsFile, SettingsScope};
    use crate::rules::finding::Reach;

    const EXPORT: &str = "export ANTHROPIC_API_KEY=made-up-credential-of-a-gateway";

    fn gather_evidence(variables: &[(&str, &str)], fake_files: &[(&str, u32, &str)]) -> Evidence {
        let file = |(path, mode, text): &(&str, u32, &str)| {
            (PathBuf::from(path), FileState::fake(*mode, text))
        };
        let mut files: BTreeMap<_, _> = fake_files.iter().map(file).collect();
        files.insert(
            PathBuf::from("/home/me/.bash_history"),
            FileState::Unreadable,
        );
        let mut snapshot = Snapshot::from_environment(
            Environment::from_pairs(variables.iter().copied()),
            Timestamp::UNIX_EPOCH,
        );
        snapshot.home = Some("/home/me".to_owned());
        snapshot.directory = Some("/home/me/code/project".to_owned());
        snapshot.settings = vec![SettingsFile {
            scope: SettingsScope::User,
            path: "/home/me/.claude/settings.json".to_owned(),
            state: SettingsState::Read(
                ClaudeSettings::parse(r#"{"apiKeyHelper": "~/helper.sh --once"}"#).unwrap(),
            ),
        }];
        evidence(
            &snapshot,
            &FileSystem::Fake(files),
            &[Path::new("/home/me/own")],
        )
    }

    /// F-07: every file that programs read is searched.
    #[test]
    fn files_are_found_where_programs_read_them() {
        for (path, variables) in [
            ("/home/me/.bashrc", &[][..]),
            ("/home/me/.zshrc", &[]),
            ("/z/.zshrc", &[("ZDOTDIR", "/z")]),
            ("/home/me/.zshenv", &[("ZDOTDIR", "/z")]),
            ("/home/me/.config/fish/conf.d/a.fish", &[]),
            ("/c/fish/config.fish", &[("XDG_CONFIG_HOME", "/c")]),
            ("/etc/profile.d/a.sh", &[]),
            ("/home/me/code/.env", &[]),
            ("/home/me/code/project/.envrc", &[]),
            ("/home/me/code/project/.github/workflows/a.yaml", &[]),
            ("/home/me/.bash_aliases", &[]),
            ("/home/me/.pam_environment", &[]),
            ("/home/me/.xprofile", &[]),
            ("/home/me/.config/environment.d/50-keys.conf", &[]),
            ("/c/environment.d/a.conf", &[("XDG_CONFIG_HOME", "/c")]),
            ("/home/me/.config/fish/fish_variables", &[]),
            ("/home/me/.config/nushell/env.nu", &[]),
            ("/home/me/.config/nushell/config.nu", &[]),
            ("/home/me/.config/mise/config.toml", &[]),
            ("/x/env", &[("BASH_ENV", "/x/env")]),
            ("/home/me/code/.env.production", &[]),
            ("/home/me/code/project/docker.env", &[]),
            ("/home/me/code/mise.toml", &[]),
            ("/home/me/code/project/.mise.toml", &[]),
            ("/home/me/code/project/.devcontainer/devcontainer.json", &[]),
            ("/home/me/code/project/.devcontainer/Dockerfile", &[]),
            ("/home/me/code/project/.mcp.json", &[]),
            ("/home/me/code/project/docker-compose.yml", &[]),
            ("/home/me/code/project/docker-compose.override.yaml", &[]),
            ("/home/me/code/project/compose.yaml", &[]),
            ("/home/me/code/project/Dockerfile", &[]),
            ("/home/me/code/project/api.Dockerfile", &[]),
            ("/home/me/code/project/Containerfile", &[]),
        ] {
            let text = EXPORT.replace("export", "export -x");
            let found = gather_evidence(variables, &[(path, 0o644, &text)]);
            let paths: Vec<_> = found.scripts.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(paths, [path]);
            assert_eq!(found.unreadable_files, ["/home/me/.bash_history"]);
        }
        assert!(
            gather_evidence(&[], &[("/home/.env", 0o644, EXPORT)])
                .scripts
                .is_empty()
        );
    }

    fn paths(found: &Evidence) -> Vec<&str> {
        found.scripts.iter().map(|it| it.path.as_str()).collect()
    }

    /// F-07: files that start-up files read are searched, each once, and unknown ones are named.
    #[test]
    fn sourced_files_are_followed() {
        let found = gather_evidence(
            &[],
            &[
                (
                    "/home/me/.bashrc",
                    0o644,
                    "for f in ~/.d/*.sh; do . \"$f\"; done\n[ -f ~/.a ] && . ~/.a\n. \"$(tool)\"\n",
                ),
                ("/home/me/.d/1.sh", 0o644, "source ~/.bashrc"),
                ("/home/me/.d/2.txt", 0o644, EXPORT),
                ("/home/me/.a", 0o644, ". $HOME/.b"),
                ("/home/me/.b", 0o600, &format!(". ~/.a\n{EXPORT}\n")),
                ("/etc/profile", 0o644, ". \"$(other)\"\n"),
            ],
        );
        assert_eq!(
            paths(&found),
            [
                "/home/me/.bashrc",
                "/etc/profile",
                "/home/me/.d/1.sh",
                "/home/me/.a",
                "/home/me/.b"
            ]
        );
        let last = found.scripts.last().unwrap();
        assert_eq!(last.read_by.as_deref(), Some("/home/me/.a:1"));
        let assignment = last.last_assignment("ANTHROPIC_API_KEY").unwrap();
        assert_eq!((assignment.line, assignment.reach), (2, Reach::Always));
        assert_eq!(found.unresolved_sources, ["/home/me/.bashrc:3"]);
    }

    /// F-07: a chain of files is followed to a limit, and a file read in a function reaches no new shell.
    #[test]
    fn chain_of_sourced_files_is_bounded() {
        let names: Vec<(String, String)> = (0..50)
            .map(|at| (format!("/s/{at}"), format!(". /s/{}\n{EXPORT}\n", at + 1)))
            .collect();
        let mut files = vec![("/home/me/.zshrc", 0o644, "f() {\n . /s/0\n}\n")];
        files.extend(
            names
                .iter()
                .map(|(path, text)| (path.as_str(), 0o644, text.as_str())),
        );
        let found = gather_evidence(&[], &files);
        assert_eq!(found.scripts.len(), 1 + MAX_SOURCE_DEPTH);
        let last = found.scripts.last().unwrap();
        let reach = last.last_assignment("ANTHROPIC_API_KEY").map(|it| it.reach);
        assert_eq!(reach, Some(Reach::Function));
    }

    /// F-10: copies of files that set variables are searched, also those of editors.
    #[test]
    fn backups_are_found() {
        let names = [
            ".zshrc.bak",
            ".zshrc.keyreeve-2026-11-21-2.bak",
            ".zshrc.orig",
            ".zshrc~",
        ];
        let backups = names.map(|name| format!("/home/me/{name}"));
        let mut files: Vec<_> = backups
            .iter()
            .map(|path| (path.as_str(), 0o644, EXPORT))
            .collect();
        files.push(("/home/me/.zshrc", 0o644, ""));
        files.push(("/home/me/.zshrc2", 0o644, EXPORT));
        files.push(("/home/me/.vimrc.bak", 0o644, EXPORT));
        let found = gather_evidence(&[], &files);
        let paths: Vec<_> = found.backups.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, backups);
    }

    #[test]
    fn permissions_and_literal_helpers_are_recorded() {
        let found = gather_evidence(
            &[],
            &[
                ("/home/me/own/store.db", 0o644, ""),
                ("/home/me/helper.sh", 0o755, "#!/bin/sh\necho key\n"),
                ("/home/me/code/project/claude", 0o755, ""),
            ],
        );
        let credential_file = found.credential_files.first().unwrap();
        assert_eq!(
            (credential_file.path.as_str(), credential_file.mode),
            ("/home/me/own/store.db", 0o644)
        );
        assert_eq!(
            found.literal_helpers,
            [("/home/me/.claude/settings.json".to_owned(), 1)]
        );
        assert_eq!(
            found.local_claude.as_deref(),
            Some("/home/me/code/project/claude")
        );
    }
}

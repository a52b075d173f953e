//! Evidence for `doctor` beyond the snapshot, gathered from files.

use std::path::{Path, PathBuf};

use keyreeve_core::token::contains_token;
use keyreeve_os::file_system::{FileState, FileSystem};
use zeroize::Zeroizing;

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
    let mut evidence = Evidence::default();
    for (path, kind) in scripts(snapshot, files) {
        if let Some(text) = read_text(&mut evidence, files, &path) {
            let script = Script::parse(to_text(&path), kind, &text);
            evidence.scripts.push(script);
        }
    }
    for path in histories(snapshot) {
        if let Some(text) = record_read(&mut evidence, files.read_lossy(&path), &path) {
            let keys = keys_in_history(&text);
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
    let mut unused = Evidence::default();
    let shell_files = scripts(snapshot, files)
        .into_iter()
        .filter(|(_, kind)| kind.is_shell());
    shell_files
        .filter_map(|(path, kind)| {
            let text = read_text(&mut unused, files, &path)?;
            Some(Script::parse(to_text(&path), kind, &text))
        })
        .collect()
}

/// Reads a file's text, and records that it was read or is unreadable.
fn read_text(
    evidence: &mut Evidence,
    files: &FileSystem,
    path: &Path,
) -> Option<Zeroizing<String>> {
    record_read(evidence, files.read(path), path)
}

fn record_read(
    evidence: &mut Evidence,
    state: FileState,
    path: &Path,
) -> Option<Zeroizing<String>> {
    match state {
        FileState::Missing => None,
        FileState::Unreadable => {
            evidence.unreadable_files.push(to_text(path));
            None
        }
        FileState::Text(file) => {
            evidence.files_checked += 1;
            Some(file.text)
        }
    }
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
    use crate::rules::claude_code::{SettingsFile, SettingsScope};

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

//! The evidence: what `doctor` looks at beyond the snapshot, as far as files tell it.

use std::path::{Path, PathBuf};

use keyreeve_core::claude_code::{Settings, SettingsState};
use keyreeve_core::finding::{
    Evidence, History, Keeper, KeptIn, Script, keys_in_history, prints_a_literal,
};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_core::token::looks_like_a_key;
use keyreeve_os::look::{Files, Seen};
use zeroize::Zeroizing;

use super::shells::{histories, home, scripts};

/// Looks at the files that set variables, at histories and at who else can read credentials. `own` are keyreeve's own
/// directories. What is no file's business is left empty.
pub fn evidence(snapshot: &Snapshot, files: &Files, own: &[&Path]) -> Evidence {
    let mut evidence = Evidence::default();
    for (path, reader) in scripts(snapshot, files) {
        if let Some(text) = text(&mut evidence, files, &path) {
            let script = Script::read(shown(&path), reader, &text);
            evidence.scripts.push(script);
        }
    }
    for path in histories(snapshot) {
        if let Some(text) = noted(&mut evidence, files.look_long(&path), &path) {
            let keys = keys_in_history(&text);
            let path = shown(&path);
            evidence.histories.push(History { path, keys });
        }
    }
    evidence.keepers = keepers(snapshot, files, own);
    evidence.fixed_helpers = fixed_helpers(snapshot, files);
    evidence.claude_here = snapshot.directory.as_deref().and_then(|directory| {
        let path = Path::new(directory).join("claude");
        let is_program = files.openness(&path)?.mode & 0o111 != 0;
        is_program.then(|| shown(&path))
    });
    evidence
}

/// The files that a new shell would read, as far as they set credentials: a part of [`evidence`] that costs little.
pub fn shell_scripts(snapshot: &Snapshot, files: &Files) -> Vec<Script> {
    let mut unused = Evidence::default();
    let of_shells = scripts(snapshot, files)
        .into_iter()
        .filter(|(_, reader)| reader.is_shell());
    of_shells
        .filter_map(|(path, reader)| {
            let text = text(&mut unused, files, &path)?;
            Some(Script::read(shown(&path), reader, &text))
        })
        .collect()
}

/// A file's text, noting that it was looked at, or could not be.
fn text(evidence: &mut Evidence, files: &Files, path: &Path) -> Option<Zeroizing<String>> {
    noted(evidence, files.look(path), path)
}

fn noted(evidence: &mut Evidence, seen: Seen, path: &Path) -> Option<Zeroizing<String>> {
    match seen {
        Seen::Nothing => None,
        Seen::Unreadable => {
            evidence.unreadable.push(shown(path));
            None
        }
        Seen::Text(seen) => {
            evidence.looked_at += 1;
            Some(seen.text)
        }
    }
}

fn keepers(snapshot: &Snapshot, files: &Files, own: &[&Path]) -> Vec<Keeper> {
    let mut paths = Vec::new();
    if let Some(login) = &snapshot.login {
        paths.push((PathBuf::from(&login.path), KeptIn::Login));
    }
    for store in &snapshot.sdk_stores {
        let directory = Path::new(&store.directory).join("credentials");
        let names = files.names(&directory);
        paths.extend(
            names
                .into_iter()
                .map(|name| (directory.join(name), KeptIn::SdkCredentials)),
        );
    }
    for file in &snapshot.settings {
        if let SettingsState::Read(settings) = &file.state
            && holds_a_credential(settings)
        {
            paths.push((PathBuf::from(&file.path), KeptIn::Settings));
        }
    }
    for directory in own {
        let names = files.names(directory);
        paths.extend(
            names
                .into_iter()
                .map(|name| (directory.join(name), KeptIn::OwnStore)),
        );
    }
    paths
        .into_iter()
        .filter_map(|(path, kept)| {
            let openness = files.openness(&path)?;
            Some(Keeper {
                path: shown(&path),
                kept,
                mode: openness.mode,
                is_ours: openness.is_ours,
            })
        })
        .collect()
}

fn holds_a_credential(settings: &Settings) -> bool {
    let is_credential = |name: &str| name.ends_with("_API_KEY") || name.ends_with("_TOKEN");
    settings.env.iter().any(|setting| {
        let text = setting.value.judge();
        looks_like_a_key(text) || (is_credential(&setting.name) && !text.trim().is_empty())
    })
}

/// The helpers whose script does nothing but print a text, by the place of the setting.
fn fixed_helpers(snapshot: &Snapshot, files: &Files) -> Vec<(String, usize)> {
    snapshot
        .settings
        .iter()
        .filter_map(|file| {
            let SettingsState::Read(settings) = &file.state else {
                return None;
            };
            let helper = settings.helper.as_ref()?;
            let path = script_of(helper.command.judge(), snapshot)?;
            match files.look(&path) {
                Seen::Text(seen) if prints_a_literal(&seen.text) => {
                    Some((file.path.clone(), helper.line))
                }
                Seen::Text(_) | Seen::Nothing | Seen::Unreadable => None,
            }
        })
        .collect()
}

/// The file that a helper's command line starts, where its first word is a path.
fn script_of(command: &str, snapshot: &Snapshot) -> Option<PathBuf> {
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

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use keyreeve_core::claude_code::{Scope, SettingsFile};
    use keyreeve_core::snapshot::Environment;

    use super::*;

    const EXPORT: &str = "export ANTHROPIC_API_KEY=made-up-credential-of-a-gateway";

    fn gathered(variables: &[(&str, &str)], made_up: &[(&str, u32, &str)]) -> Evidence {
        let file = |(path, mode, text): &(&str, u32, &str)| {
            (PathBuf::from(path), Seen::made_up(*mode, text))
        };
        let mut files: BTreeMap<_, _> = made_up.iter().map(file).collect();
        files.insert(PathBuf::from("/home/me/.bash_history"), Seen::Unreadable);
        let mut snapshot = Snapshot::of_environment(
            Environment::from_pairs(variables.iter().copied()),
            Timestamp::UNIX_EPOCH,
        );
        snapshot.home = Some("/home/me".to_owned());
        snapshot.directory = Some("/home/me/code/project".to_owned());
        snapshot.settings = vec![SettingsFile {
            scope: Scope::User,
            path: "/home/me/.claude/settings.json".to_owned(),
            state: SettingsState::Read(
                Settings::parse(r#"{"apiKeyHelper": "~/helper.sh --once"}"#).unwrap(),
            ),
        }];
        evidence(
            &snapshot,
            &Files::MadeUp(files),
            &[Path::new("/home/me/own")],
        )
    }

    #[test]
    fn files_are_found_where_programs_find_them() {
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
            let found = gathered(variables, &[(path, 0o644, &text)]);
            let paths: Vec<_> = found.scripts.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(paths, [path]);
            assert_eq!(found.unreadable, ["/home/me/.bash_history"]);
        }
        assert!(
            gathered(&[], &[("/home/.env", 0o644, EXPORT)])
                .scripts
                .is_empty()
        );
    }

    #[test]
    fn who_else_can_read_is_told_and_a_fixed_helper_is_seen() {
        let found = gathered(
            &[],
            &[
                ("/home/me/own/store.db", 0o644, ""),
                ("/home/me/helper.sh", 0o755, "#!/bin/sh\necho key\n"),
                ("/home/me/code/project/claude", 0o755, ""),
            ],
        );
        let keeper = found.keepers.first().unwrap();
        assert_eq!(
            (keeper.path.as_str(), keeper.mode),
            ("/home/me/own/store.db", 0o644)
        );
        assert_eq!(
            found.fixed_helpers,
            [("/home/me/.claude/settings.json".to_owned(), 1)]
        );
        assert_eq!(
            found.claude_here.as_deref(),
            Some("/home/me/code/project/claude")
        );
    }
}

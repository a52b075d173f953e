//! The snapshot: everything that resolution may look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::claude_code::{
    Arguments, Login, LoginState, Mode, RefusedKeys, Scope, Settings, SettingsArgument,
    SettingsFile, SettingsState,
};
use keyreeve_core::sdk_store::{SdkConfig, SdkCredentials, SdkProfile, SdkStore};
use keyreeve_core::snapshot::{Environment, Own, Snapshot};
use keyreeve_os::look::{Files, Seen, Text};

/// Where an administrator puts Claude Code's settings (docs/facts.md#claude-code-files).
const MANAGED: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode/managed-settings.json"
} else {
    "/etc/claude-code/managed-settings.json"
};

/// The machine as it is looked at.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The environment a client would be started with.
    pub environment: Arc<Environment>,
    /// The directory it would be started in.
    pub directory: Option<String>,
    /// The files.
    pub files: &'a Files,
    /// The moment.
    pub now: Timestamp,
}

/// Looks at everything that a client started with these arguments would look at.
pub fn gather(machine: Machine<'_>, arguments: &Arguments, own: Own) -> Snapshot {
    let Machine {
        environment,
        directory,
        files,
        now,
    } = machine;
    let look = Looker {
        environment: &environment,
        directory: directory.as_deref().map(Path::new),
        files,
    };
    let (settings, login, sdk_stores) = (look.settings(arguments), look.login(), look.sdk_stores());
    let refused_keys = look.refused_keys(arguments.mode);
    let home = look.home().map(shown);
    Snapshot {
        environment,
        directory,
        home,
        settings,
        login,
        refused_keys,
        sdk_stores,
        own,
        now,
    }
}

struct Looker<'a> {
    environment: &'a Environment,
    directory: Option<&'a Path>,
    files: &'a Files,
}

impl Looker<'_> {
    fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
    }

    /// A directory that a variable names, as the client would find it.
    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.environment.get(variable)?.trim();
        if value.is_empty() {
            return None;
        }
        Some(self.here(value))
    }

    fn here(&self, path: &str) -> PathBuf {
        self.directory
            .map_or_else(|| PathBuf::from(path), |directory| directory.join(path))
    }

    /// Claude Code's own directory.
    fn claude_directory(&self) -> Option<PathBuf> {
        self.path("CLAUDE_CONFIG_DIR")
            .or_else(|| Some(self.home()?.join(".claude")))
    }

    fn settings(&self, arguments: &Arguments) -> Vec<SettingsFile> {
        let user = self
            .claude_directory()
            .map(|directory| directory.join("settings.json"));
        let in_project = |name| {
            let path = self.directory?.join(".claude").join(name);
            // In the home directory the project's file is the person's own.
            (Some(&path) != user.as_ref()).then_some(path)
        };
        let mut settings: Vec<_> = [
            (Scope::Managed, Some(PathBuf::from(MANAGED))),
            (Scope::Local, in_project("settings.local.json")),
            (Scope::Project, in_project("settings.json")),
            (Scope::User, user.clone()),
        ]
        .into_iter()
        .filter_map(|(scope, path)| self.settings_file(scope, &path?))
        .collect();
        settings.extend(match &arguments.settings {
            None => None,
            Some(SettingsArgument::File(path)) => self.settings_file(Scope::Flag, &self.here(path)),
            Some(SettingsArgument::Json(text)) => Some(SettingsFile {
                scope: Scope::Flag,
                path: "--settings".to_owned(),
                state: parsed(text),
            }),
        });
        settings
    }

    fn settings_file(&self, scope: Scope, path: &Path) -> Option<SettingsFile> {
        // As Claude Code reads it: of any size, and whatever its bytes are (docs/facts.md#claude-code-files).
        let state = match self.files.look_long(path) {
            Seen::Nothing => return None,
            Seen::Unreadable => SettingsState::Unreadable,
            Seen::Text(seen) => parsed(&seen.text),
        };
        Some(SettingsFile {
            scope,
            path: shown(path.to_owned()),
            state,
        })
    }

    fn login(&self) -> Option<Login> {
        let path = self.claude_directory()?.join(".credentials.json");
        let state = match self.files.look(&path) {
            Seen::Nothing => return None,
            Seen::Unreadable => LoginState::Unreadable,
            Seen::Text(seen) => LoginState::read(&seen.text),
        };
        Some(Login {
            path: shown(path),
            state,
        })
    }

    /// Its memory lies beside its directory, or in the one that a variable names. It is long, so that it is read only
    /// where it decides.
    fn refused_keys(&self, mode: Mode) -> RefusedKeys {
        let directory = match mode {
            Mode::Interactive => self.path("CLAUDE_CONFIG_DIR").or_else(|| self.home()),
            Mode::Print | Mode::Bare => None,
        };
        let path = directory.map(|directory| directory.join(".claude.json"));
        match path.map(|path| self.files.look_long(&path)) {
            Some(Seen::Text(seen)) => RefusedKeys::read(&seen.text),
            Some(Seen::Nothing | Seen::Unreadable) | None => RefusedKeys::default(),
        }
    }

    /// Both places in which the SDKs look: not all of them heed `XDG_CONFIG_HOME`.
    fn sdk_stores(&self) -> Vec<SdkStore> {
        let mut directories: Vec<_> = match self.path("ANTHROPIC_CONFIG_DIR") {
            Some(directory) => vec![directory],
            None => [
                self.path("XDG_CONFIG_HOME"),
                self.home().map(|home| home.join(".config")),
            ]
            .into_iter()
            .flatten()
            .map(|config| config.join("anthropic"))
            .collect(),
        };
        directories.dedup();
        directories
            .into_iter()
            .map(|directory| self.sdk_store(&directory))
            .collect()
    }

    fn sdk_store(&self, directory: &Path) -> SdkStore {
        let configs = directory.join("configs");
        let profile = |file: String| {
            let name = file.strip_suffix(".json")?;
            Some(SdkProfile {
                name: name.to_owned(),
                config: match self.files.look(&configs.join(&file)) {
                    Seen::Nothing => return None,
                    Seen::Text(seen) if seen.mode & 0o022 == 0 => SdkConfig::read(&seen.text),
                    Seen::Text(_) | Seen::Unreadable => SdkConfig::Refused,
                },
                credentials: match self.files.look(&directory.join("credentials").join(&file)) {
                    Seen::Nothing => None,
                    Seen::Text(Text { mode, .. }) if mode & 0o077 != 0 => {
                        Some(SdkCredentials::Refused)
                    }
                    Seen::Text(seen) => Some(SdkCredentials::read(&seen.text)),
                    Seen::Unreadable => Some(SdkCredentials::Refused),
                },
            })
        };
        let active = match self.files.look(&directory.join("active_config")) {
            Seen::Text(seen) => Some(seen.text.trim().to_owned()).filter(|name| !name.is_empty()),
            Seen::Nothing | Seen::Unreadable => None,
        };
        SdkStore {
            directory: shown(directory.to_owned()),
            active,
            profiles: self
                .files
                .names(&configs)
                .into_iter()
                .filter_map(profile)
                .collect(),
        }
    }
}

fn parsed(text: &str) -> SettingsState {
    match Settings::parse(text) {
        Ok(settings) => SettingsState::Read(settings),
        Err(damage) => SettingsState::Damaged(damage),
    }
}

/// A path as text. What is no text in it was never typed in a settings file, and is only shown.
fn shown(path: PathBuf) -> String {
    path.into_os_string()
        .into_string()
        .unwrap_or_else(|path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gathered(variables: &[(&str, &str)], files: &[(&str, u32, &str)]) -> Snapshot {
        let file = |(path, mode, text): &(&str, u32, &str)| {
            (PathBuf::from(path), Seen::made_up(*mode, text))
        };
        let machine = Machine {
            environment: Arc::new(Environment::from_pairs(variables.iter().copied())),
            directory: Some("/w/project".to_owned()),
            files: &Files::MadeUp(files.iter().map(file).collect::<BTreeMap<_, _>>()),
            now: Timestamp::UNIX_EPOCH,
        };
        gather(machine, &Arguments::default(), Own::default())
    }

    const HOME: (&str, &str) = ("HOME", "/home/me");

    #[test]
    fn settings_are_found_where_claude_code_finds_them() {
        let files = [
            ("/home/me/.claude/settings.json", 0o644, "{}"),
            ("/w/project/.claude/settings.json", 0o644, "{}"),
            ("/w/project/.claude/settings.local.json", 0o644, "["),
            ("/else/settings.json", 0o644, "{}"),
        ];
        let found = |variables: &[(&str, &str)]| {
            let mut found: Vec<_> = gathered(variables, &files)
                .settings
                .into_iter()
                .map(|file| (file.scope, file.path))
                .collect();
            found.sort();
            found
        };
        let project = |name: &str| format!("/w/project/.claude/{name}");
        assert_eq!(
            found(&[HOME]),
            [
                (Scope::Local, project("settings.local.json")),
                (Scope::Project, project("settings.json")),
                (Scope::User, "/home/me/.claude/settings.json".to_owned()),
            ]
        );
        let moved = found(&[HOME, ("CLAUDE_CONFIG_DIR", "/else")]);
        assert_eq!(moved[2], (Scope::User, "/else/settings.json".to_owned()));
    }

    #[test]
    fn what_a_person_refused_is_looked_up_for_a_terminal_alone() {
        let memory = r#"{"customApiKeyResponses": {"rejected": ["made-up"]}}"#;
        let files = |path: &str| {
            let file = (PathBuf::from(path), Seen::made_up(0o600, memory));
            Files::MadeUp(BTreeMap::from([file]))
        };
        let holds = |mode, moved: &[(&str, &str)], path: &str| {
            let variables = [HOME].into_iter().chain(moved.iter().copied());
            let machine = Machine {
                environment: Arc::new(Environment::from_pairs(variables)),
                directory: None,
                files: &files(path),
                now: Timestamp::UNIX_EPOCH,
            };
            let arguments = Arguments {
                mode,
                ..Arguments::default()
            };
            let snapshot = gather(machine, &arguments, Own::default());
            snapshot.refused_keys.hold("made-up")
        };
        let moved = [("CLAUDE_CONFIG_DIR", "/else")];
        for (mode, variables, path, expected) in [
            (Mode::Interactive, &[][..], "/home/me/.claude.json", true),
            (Mode::Print, &[], "/home/me/.claude.json", false),
            (Mode::Interactive, &moved, "/home/me/.claude.json", false),
            (Mode::Interactive, &moved, "/else/.claude.json", true),
        ] {
            assert_eq!(holds(mode, variables, path), expected, "{mode:?} {path}");
        }
    }

    #[test]
    fn a_login_is_known_without_its_token() {
        let text =
            r#"{"claudeAiOauth": {"accessToken": "made-up-token", "scopes": ["user:inference"]}}"#;
        let snapshot = gathered(
            &[HOME],
            &[("/home/me/.claude/.credentials.json", 0o600, text)],
        );
        assert!(!format!("{snapshot:?}").contains("made-up-token"));
        assert!(matches!(
            snapshot.login.map(|login| login.state),
            Some(LoginState::Present { .. })
        ));
    }

    #[test]
    fn a_credential_open_to_others_is_refused() {
        let config = r#"{"authentication": {"type": "user_oauth"}}"#;
        let credentials = r#"{"access_token": "a"}"#;
        let of_mode = |mode| {
            let snapshot = gathered(
                &[HOME],
                &[
                    (
                        "/home/me/.config/anthropic/configs/work.json",
                        0o644,
                        config,
                    ),
                    (
                        "/home/me/.config/anthropic/credentials/work.json",
                        mode,
                        credentials,
                    ),
                    ("/home/me/.config/anthropic/active_config", 0o644, "work\n"),
                ],
            );
            let store = snapshot.sdk_stores.into_iter().next().unwrap();
            (
                store.active().to_owned(),
                store.profiles[0].credentials.clone(),
            )
        };
        let present = SdkCredentials::Present { expires_at: None };
        assert_eq!(of_mode(0o600), ("work".to_owned(), Some(present)));
        assert_eq!(of_mode(0o640).1, Some(SdkCredentials::Refused));
    }
}

//! Builds the snapshot: the input of resolution.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_os::environment::Environment;
use keyreeve_os::file_system::{FileState, FileSystem, TextFile};
use keyreeve_os::system;

use super::repository::settings_root;
use crate::rules::claude_code::{
    ApprovedKeys, Arguments, Login, LoginState, Mode, RejectedKeys, SettingsArgument, SettingsFile,
    SettingsScope, SettingsState,
};
use crate::rules::sdk_store::{
    CredentialsPath, DirectoryVariable, SdkConfig, SdkCredentials, SdkProfile, SdkStore,
    profile_directory,
};
use crate::rules::snapshot::{KeyreeveState, Snapshot};
use crate::rules::variables::IDENTITY_TOKEN_FILE;

/// Directory of Claude Code's managed settings, written by an administrator (docs/facts.md#claude-code-files).
const MANAGED_DIRECTORY: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode"
} else {
    "/etc/claude-code"
};

/// The machine whose state is read.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The environment of a client.
    pub environment: Arc<Environment>,
    /// The working directory of a client.
    pub directory: Option<String>,
    /// The file system.
    pub files: &'a FileSystem,
    /// The current time.
    pub now: Timestamp,
}

impl Machine<'static> {
    /// Returns this machine as a client started now would find it, with the environment and the working directory of
    /// this process.
    pub fn current() -> Self {
        Self {
            environment: Arc::new(system::environment()),
            directory: system::working_directory(),
            files: &FileSystem::Real,
            now: system::now(),
        }
    }
}

/// Reads everything that a client started with these arguments would read.
pub fn gather(machine: Machine<'_>, arguments: &Arguments, own: KeyreeveState) -> Snapshot {
    let Machine {
        environment,
        directory,
        files,
        now,
    } = machine;
    let mut reader = MachineReader {
        environment: &environment,
        directory: directory.as_deref().map(Path::new),
        files,
        claude_directory: None,
    };
    reader.claude_directory = reader.claude_directory_of_process();
    let mut settings = reader.follow_settings(arguments);
    let login = reader.login(&settings, arguments);
    let state_file = reader.state_file();
    let unknown_files = reader.unknown_files();
    let (stored_key, rejected_keys, approved_keys) = match state_file {
        None => (None, RejectedKeys::default(), ApprovedKeys::default()),
        Some(state) => {
            settings.push(state.settings);
            (state.stored_key, state.rejected_keys, state.approved_keys)
        }
    };
    let sdk_stores = reader.sdk_stores(&settings);
    let identity_files = reader.identity_files(&settings, &sdk_stores);
    // Only a terminal session asks about keys.
    let rejected_keys = match arguments.mode {
        Mode::Interactive => rejected_keys,
        Mode::Print | Mode::Bare => RejectedKeys::default(),
    };
    let home = reader.home().as_deref().map(to_text);
    let missing_settings = reader.missing_settings(arguments);
    Snapshot {
        environment,
        directory,
        home,
        settings,
        missing_settings,
        login,
        rejected_keys,
        approved_keys,
        stored_key,
        unknown_files,
        sdk_stores,
        identity_files: Some(identity_files),
        keyreeve: own,
        now,
    }
}

pub(super) struct MachineReader<'a> {
    pub(super) environment: &'a Environment,
    directory: Option<&'a Path>,
    pub(super) files: &'a FileSystem,
    /// Claude Code's configuration directory.
    pub(super) claude_directory: Option<PathBuf>,
}

impl MachineReader<'_> {
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
    }

    /// Returns the path in a variable, resolved as the client would.
    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.environment.get(variable)?.trim();
        if value.is_empty() {
            return None;
        }
        Some(self.resolve(value))
    }

    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.directory
            .map_or_else(|| PathBuf::from(path), |directory| directory.join(path))
    }

    pub(super) fn settings(&self, arguments: &Arguments) -> Vec<SettingsFile> {
        let user = self
            .claude_directory
            .as_ref()
            .map(|directory| directory.join("settings.json"));
        // In the home directory the project's file is the user's own, and read as the project's alone if
        // `--setting-sources` excludes the user.
        let sources = arguments.sources;
        let is_of_project =
            sources.includes(SettingsScope::Project) && !sources.includes(SettingsScope::User);
        let in_project = |name| {
            let path = self.directory?.join(".claude").join(name);
            (Some(&path) != user.as_ref() || is_of_project).then_some(path)
        };
        let of_project = in_project("settings.json");
        let of_user = user.clone().filter(|_| of_project != user);
        let managed = Path::new(MANAGED_DIRECTORY);
        let mut settings: Vec<_> = [
            (
                SettingsScope::Managed,
                Some(managed.join("managed-settings.json")),
            ),
            (SettingsScope::Repository, self.repository_settings()),
            (SettingsScope::Local, in_project("settings.local.json")),
            (SettingsScope::Project, of_project),
            (SettingsScope::User, of_user),
        ]
        .into_iter()
        .filter_map(|(scope, path)| self.settings_file(scope, &path?))
        .collect();
        settings.extend(self.managed_drop_ins(&managed.join("managed-settings.d")));
        settings.extend(match &arguments.settings {
            None => None,
            Some(SettingsArgument::File(path)) => {
                self.settings_file(SettingsScope::Flag, &self.resolve(path))
            }
            Some(SettingsArgument::Json(text)) => Some(SettingsFile::from_argument(text)),
        });
        settings
    }

    /// Returns the file that `--settings` names, if it does not exist.
    fn missing_settings(&self, arguments: &Arguments) -> Option<String> {
        let path = match &arguments.settings {
            Some(SettingsArgument::File(path)) => self.resolve(path),
            Some(SettingsArgument::Json(_)) | None => return None,
        };
        match self.files.read_lossy(&path) {
            FileState::Missing => Some(to_text(&path)),
            FileState::Text(_) | FileState::Unreadable => None,
        }
    }

    /// Reads the additional files of the managed settings.
    fn managed_drop_ins(&self, directory: &Path) -> Vec<SettingsFile> {
        let names = self.files.list(directory).into_iter();
        names
            .filter(|name| {
                let is_json = Path::new(name).extension().is_some_and(|it| it == "json");
                is_json && !name.starts_with('.')
            })
            .filter_map(|name| {
                self.settings_file(SettingsScope::ManagedDropIn, &directory.join(name))
            })
            .collect()
    }

    /// Returns the repository's local settings, if Claude Code is started below its root or in a linked worktree. Those
    /// of the home directory are read in the home directory itself only.
    fn repository_settings(&self) -> Option<PathBuf> {
        let directory = self.directory?;
        let root = settings_root(directory, self.files)?;
        let is_other = root != directory && Some(&root) != self.home().as_ref();
        is_other.then(|| root.join(".claude").join("settings.local.json"))
    }

    fn settings_file(&self, scope: SettingsScope, path: &Path) -> Option<SettingsFile> {
        // As Claude Code reads it: of any size, and even if it is not UTF-8 (docs/facts.md#claude-code-files).
        let state = match self.files.read_lossy(path) {
            FileState::Missing => return None,
            FileState::Unreadable => SettingsState::Unreadable,
            FileState::Text(file) if scope.is_managed() => SettingsState::parse_managed(&file.text),
            FileState::Text(file) => SettingsState::parse(&file.text),
        };
        Some(SettingsFile {
            scope,
            path: to_text(path),
            state,
        })
    }

    fn login(&self, settings: &[SettingsFile], arguments: &Arguments) -> Option<Login> {
        let directory = self.login_directory(settings, arguments)?;
        let path = directory.join(".credentials.json");
        let state = match self.files.read(&path) {
            FileState::Missing => return None,
            FileState::Unreadable => LoginState::Unreadable,
            FileState::Text(file) => LoginState::parse(&file.text),
        };
        Some(Login {
            path: to_text(&path),
            state,
        })
    }

    /// Reads every directory that an SDK or Claude Code may use: the variables may be set in settings files, and not all
    /// programs respect `XDG_CONFIG_HOME`.
    fn sdk_stores(&self, settings: &[SettingsFile]) -> Vec<SdkStore> {
        let in_settings = |name| {
            settings.iter().filter_map(move |file| match &file.state {
                SettingsState::Read(settings) => {
                    Some(settings.variable(name)?.value.inspect().to_owned())
                }
                SettingsState::Damaged(_) | SettingsState::Unreadable => None,
            })
        };
        let working_directory = self.directory.map(to_text);
        let mut directories: Vec<String> = Vec::new();
        for variable in DirectoryVariable::ALL {
            let values = self.environment.get(variable.name()).map(str::to_owned);
            let values = values.into_iter().chain(in_settings(variable.name()));
            directories.extend(values.filter_map(|value| {
                profile_directory(variable, &value, working_directory.as_deref())
            }));
        }
        let in_home = self.home().map(|home| home.join(".config/anthropic"));
        directories.extend(in_home.as_deref().map(to_text));
        let mut seen = BTreeSet::new();
        directories.retain(|directory| seen.insert(directory.clone()));
        directories
            .iter()
            .map(|directory| self.sdk_store(Path::new(directory)))
            .collect()
    }

    /// Reads a profile's credentials from the file that its configuration names.
    fn sdk_credentials(&self, config: &SdkConfig, default: PathBuf) -> Option<SdkCredentials> {
        let place = match config {
            SdkConfig::Known {
                credentials_path, ..
            } => credentials_path,
            SdkConfig::Damaged { .. } | SdkConfig::Refused => &CredentialsPath::Default,
        };
        let path = match place {
            CredentialsPath::Default => default,
            CredentialsPath::File(path) => match path.strip_prefix("~/") {
                Some(below) => self.home()?.join(below),
                None => self.resolve(path),
            },
            CredentialsPath::NotText => return Some(SdkCredentials::Refused),
        };
        match self.files.read(&path) {
            FileState::Missing => None,
            FileState::Text(TextFile { mode, .. }) if mode & 0o077 != 0 => {
                Some(SdkCredentials::Refused)
            }
            FileState::Text(file) => Some(SdkCredentials::parse_for(config, &file.text)),
            FileState::Unreadable => Some(SdkCredentials::Refused),
        }
    }

    /// Returns the identity files, of variables and profiles, that exist and are not blank.
    fn identity_files(&self, settings: &[SettingsFile], stores: &[SdkStore]) -> Vec<String> {
        let in_settings = settings.iter().filter_map(|file| match &file.state {
            SettingsState::Read(settings) => {
                let setting = settings.variable(IDENTITY_TOKEN_FILE)?;
                Some(setting.value.inspect().to_owned())
            }
            SettingsState::Damaged(_) | SettingsState::Unreadable => None,
        });
        let profiles = stores.iter().flat_map(|store| &store.profiles);
        let in_profiles = profiles.filter_map(|profile| match &profile.config {
            SdkConfig::Known { federation, .. } => federation.identity_file.clone(),
            SdkConfig::Damaged { .. } | SdkConfig::Refused => None,
        });
        let in_environment = self.environment.get(IDENTITY_TOKEN_FILE).map(str::to_owned);
        let has_token = |path: &String| match self.files.read(&self.resolve(path.trim())) {
            FileState::Text(file) => !file.text.trim().is_empty(),
            FileState::Missing | FileState::Unreadable => false,
        };
        let paths = in_environment
            .into_iter()
            .chain(in_settings)
            .chain(in_profiles);
        paths.filter(has_token).collect()
    }

    fn sdk_store(&self, directory: &Path) -> SdkStore {
        let configs = directory.join("configs");
        let profile = |file: String| {
            let name = file.strip_suffix(".json")?;
            let config = match self.files.read(&configs.join(&file)) {
                FileState::Missing => return None,
                FileState::Text(file) if file.mode & 0o022 == 0 => SdkConfig::parse(&file.text),
                FileState::Text(_) | FileState::Unreadable => SdkConfig::Refused,
            };
            let default = directory.join("credentials").join(&file);
            Some(SdkProfile {
                name: name.to_owned(),
                credentials: self.sdk_credentials(&config, default),
                config,
            })
        };
        let active = match self.files.read(&directory.join("active_config")) {
            FileState::Text(file) => {
                Some(file.text.trim().to_owned()).filter(|name| !name.is_empty())
            }
            FileState::Missing | FileState::Unreadable => None,
        };
        SdkStore {
            directory: to_text(directory),
            active,
            profiles: self
                .files
                .list(&configs)
                .into_iter()
                .filter_map(profile)
                .collect(),
        }
    }
}

/// Converts a path to text, lossily: a path that is not UTF-8 does not come from a settings file, and is only
/// displayed.
pub(super) fn to_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gather_snapshot(variables: &[(&str, &str)], files: &[(&str, u32, &str)]) -> Snapshot {
        let file = |(path, mode, text): &(&str, u32, &str)| {
            (PathBuf::from(path), FileState::fake(*mode, text))
        };
        let machine = Machine {
            environment: Arc::new(Environment::from_pairs(variables.iter().copied())),
            directory: Some("/w/project".to_owned()),
            files: &FileSystem::Fake(files.iter().map(file).collect::<BTreeMap<_, _>>()),
            now: Timestamp::UNIX_EPOCH,
        };
        gather(machine, &Arguments::default(), KeyreeveState::default())
    }

    const HOME: (&str, &str) = ("HOME", "/home/me");

    #[test]
    fn settings_are_found_where_claude_code_reads_them() {
        let files = [
            ("/home/me/.claude/settings.json", 0o644, "{}"),
            ("/w/project/.claude/settings.json", 0o644, "{}"),
            ("/w/project/.claude/settings.local.json", 0o644, "["),
            ("/other/settings.json", 0o644, "{}"),
        ];
        let found = |variables: &[(&str, &str)]| {
            let mut found: Vec<_> = gather_snapshot(variables, &files)
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
                (SettingsScope::Local, project("settings.local.json")),
                (SettingsScope::Project, project("settings.json")),
                (
                    SettingsScope::User,
                    "/home/me/.claude/settings.json".to_owned()
                ),
            ]
        );
        let config_dir = found(&[HOME, ("CLAUDE_CONFIG_DIR", "/other")]);
        assert_eq!(
            config_dir[2],
            (SettingsScope::User, "/other/settings.json".to_owned())
        );
    }

    /// F-02: in the home directory, `--setting-sources` without `user` reads the user's file as the project's.
    #[test]
    fn settings_of_the_home_directory_are_those_of_the_project() {
        let path = PathBuf::from("/home/me/.claude/settings.json");
        let files = FileSystem::Fake(BTreeMap::from([(path, FileState::fake(0o600, "{}"))]));
        for (sources, scope) in [
            ("user,project", SettingsScope::User),
            ("project,local", SettingsScope::Project),
            ("local", SettingsScope::User),
        ] {
            let machine = Machine {
                environment: Arc::new(Environment::from_pairs([HOME])),
                directory: Some("/home/me".into()),
                files: &files,
                now: Timestamp::UNIX_EPOCH,
            };
            let arguments = Arguments::parse(["--setting-sources", sources]);
            let found = gather(machine, &arguments, KeyreeveState::default()).settings;
            let scopes: Vec<_> = found.iter().map(|file| file.scope).collect();
            assert_eq!(scopes, [scope], "{sources}");
        }
    }

    #[test]
    fn rejected_keys_are_read_in_interactive_mode_only() {
        let state_file = r#"{"customApiKeyResponses": {"rejected": ["made-up"]}}"#;
        let files = |path: &str| {
            let file = (PathBuf::from(path), FileState::fake(0o600, state_file));
            FileSystem::Fake(BTreeMap::from([file]))
        };
        let contains = |mode, config_dir: &[(&str, &str)], path: &str| {
            let variables = [HOME].into_iter().chain(config_dir.iter().copied());
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
            let snapshot = gather(machine, &arguments, KeyreeveState::default());
            snapshot.rejected_keys.contains("made-up")
        };
        let config_dir = [("CLAUDE_CONFIG_DIR", "/other")];
        for (mode, variables, path, expected) in [
            (Mode::Interactive, &[][..], "/home/me/.claude.json", true),
            (Mode::Print, &[], "/home/me/.claude.json", false),
            (
                Mode::Interactive,
                &config_dir,
                "/home/me/.claude.json",
                false,
            ),
            (Mode::Interactive, &config_dir, "/other/.claude.json", true),
        ] {
            assert_eq!(contains(mode, variables, path), expected, "{mode:?} {path}");
        }
    }

    #[test]
    fn login_is_recorded_without_its_token() {
        let text =
            r#"{"claudeAiOauth": {"accessToken": "made-up-token", "scopes": ["user:inference"]}}"#;
        let snapshot = gather_snapshot(
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
    fn credential_readable_by_others_is_refused() {
        let config = r#"{"authentication": {"type": "user_oauth"}}"#;
        let credentials = r#"{"access_token": "a"}"#;
        let with_mode = |mode| {
            let snapshot = gather_snapshot(
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
        assert_eq!(with_mode(0o600), ("work".to_owned(), Some(present)));
        assert_eq!(with_mode(0o640).1, Some(SdkCredentials::Refused));
    }
}

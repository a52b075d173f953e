//! The directories of Claude Code: its configuration's, its login's, and the place of its state file
//! (docs/facts.md#claude-code-files).

use std::path::{Component, PathBuf};

use keyreeve_os::file_system::FileState;

use super::snapshot::{MachineReader, to_text};
use crate::rules::claude_code::{Arguments, SettingsFile, SettingsState, StateFile};
use crate::rules::resolve::is_desktop;
use crate::rules::variables::{CLAUDE_CONFIG_DIR, ENTRY_POINT, LOGIN_DIRECTORY, OAUTH_SERVICE};

/// Maximum number of configuration directories that settings files replace one after the other.
const MAX_DIRECTORIES: usize = 4;

impl MachineReader<'_> {
    /// Returns a directory of Claude Code's, which takes a variable as it is: an empty one is the working directory, and
    /// `..` removes what stands before it, whatever that is.
    fn resolve_directory(&self, path: &str) -> PathBuf {
        let mut normal = PathBuf::new();
        for component in self.resolve(path).components() {
            match component {
                Component::ParentDir => {
                    normal.pop();
                }
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                    normal.push(component);
                }
            }
        }
        normal
    }

    /// Returns Claude Code's configuration directory by the process environment.
    pub(super) fn claude_directory_of_process(&self) -> Option<PathBuf> {
        match self.environment.get(CLAUDE_CONFIG_DIR) {
            Some(path) => Some(self.resolve_directory(path)),
            None => Some(self.home()?.join(".claude")),
        }
    }

    /// Reads the settings. Some of them can replace the configuration directory, whose settings are then read as well.
    pub(super) fn follow_settings(&mut self, arguments: &Arguments) -> Vec<SettingsFile> {
        let mut replaced = Vec::new();
        loop {
            let mut settings = self.settings(arguments);
            settings.extend(replaced.iter().cloned());
            let next = self.replacing_directory(&settings, arguments);
            if next.is_none() || next == self.claude_directory || replaced.len() >= MAX_DIRECTORIES
            {
                return settings;
            }
            self.claude_directory = next;
            let of_user = settings.into_iter().filter_map(SettingsFile::replaced);
            replaced = of_user.collect();
        }
    }

    /// Returns the configuration directory that a settings file selects. A project's cannot, and in a session of the
    /// desktop application none can override the process environment.
    fn replacing_directory(
        &self,
        settings: &[SettingsFile],
        arguments: &Arguments,
    ) -> Option<PathBuf> {
        let is_set = self.environment.is_set(CLAUDE_CONFIG_DIR);
        let entry_point = self.environment.get(ENTRY_POINT);
        if is_set && is_desktop(entry_point.map(str::trim)) {
            return None;
        }
        let state = self.state_file().map(|state| state.settings);
        let files = settings.iter().chain(&state);
        let selected = files.filter_map(|file| {
            let is_read = arguments.sources.includes(file.scope) && !file.scope.is_project();
            match &file.state {
                SettingsState::Read(settings) if is_read => {
                    let setting = settings.variable(CLAUDE_CONFIG_DIR)?;
                    Some((file.scope, setting.value.inspect().to_owned()))
                }
                SettingsState::Read(_) | SettingsState::Damaged(_) | SettingsState::Unreadable => {
                    None
                }
            }
        });
        let (_, path) = selected.min()?;
        Some(self.resolve_directory(&path))
    }

    /// Returns the files whose effect is unknown: settings that a server sent, unless they are an empty object.
    pub(super) fn unknown_files(&self) -> Vec<String> {
        let directory = self.claude_directory.clone();
        let path = directory.map(|directory| directory.join("remote-settings.json"));
        let has_effect = |path: &PathBuf| match self.files.read_lossy(path) {
            FileState::Missing => false,
            FileState::Unreadable => true,
            FileState::Text(file) => SettingsState::parse(&file.text) != SettingsState::parse("{}"),
        };
        path.filter(has_effect)
            .as_deref()
            .map(to_text)
            .into_iter()
            .collect()
    }

    /// Reads Claude Code's state file: `.config.json` in the configuration directory, as older releases wrote it, else
    /// `.claude.json` in `CLAUDE_CONFIG_DIR` or the home directory.
    pub(super) fn state_file(&self) -> Option<StateFile> {
        let old = self.claude_directory_of_process()?.join(".config.json");
        let directory = match self.environment.get(CLAUDE_CONFIG_DIR) {
            Some(path) if !path.is_empty() => self.resolve_directory(path),
            Some(_) | None => self.home()?,
        };
        let name = match self.environment.get(OAUTH_SERVICE) {
            Some(service) if !service.is_empty() => ".claude-custom-oauth.json",
            Some(_) | None => ".claude.json",
        };
        [old, directory.join(name)].into_iter().find_map(|path| {
            match self.files.read_lossy(&path) {
                FileState::Text(file) => Some(StateFile::parse(to_text(&path), &file.text)),
                FileState::Missing | FileState::Unreadable => None,
            }
        })
    }

    /// Returns the directory of Claude Code's login: one variable moves it alone, also if a settings file sets it.
    pub(super) fn login_directory(
        &self,
        settings: &[SettingsFile],
        arguments: &Arguments,
    ) -> Option<PathBuf> {
        let in_file = |file: &SettingsFile| {
            let is_read = arguments.sources.includes(file.scope) && !file.scope.is_project();
            match &file.state {
                SettingsState::Read(settings) if is_read => {
                    let setting = settings.variable(LOGIN_DIRECTORY)?;
                    Some((file.scope, setting.value.inspect().to_owned()))
                }
                SettingsState::Read(_) | SettingsState::Damaged(_) | SettingsState::Unreadable => {
                    None
                }
            }
        };
        let by_settings = settings.iter().filter_map(in_file).min();
        let value = match by_settings {
            Some((_, value)) => Some(value),
            None => self.environment.get(LOGIN_DIRECTORY).map(str::to_owned),
        };
        match value.filter(|value| !value.is_empty()) {
            Some(value) => Some(self.resolve_directory(&value)),
            None => self.claude_directory.clone(),
        }
    }
}

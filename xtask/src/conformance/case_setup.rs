//! Setup of a combination: a home and a project on disk, the environment, the arguments, and a record of the planted
//! credentials.
//!
//! Invariant: the client's environment contains only the variables set here, and none of the caller's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use super::anthropic_hosts::{self, AnthropicHosts};
use super::upstream::Listeners;

/// Name of the combination's hosts file.
const HOSTS: &str = "hosts";

/// Suffix of the name of a file that other users may read; it is removed from the name.
pub(super) const READABLE: &str = "#readable";

/// A credential in the client's configuration, with the names of `keyreeve status --json`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PlantedCredential {
    pub(super) method: &'static str,
    pub(super) scope: &'static str,
    /// The value that the client should send.
    pub(super) value: String,
}

/// The setup of one combination.
pub(super) struct CaseSetup {
    pub(super) folder: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) arguments: Vec<String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) planted: Vec<PlantedCredential>,
    pub(super) settings: BTreeMap<&'static str, Map<String, Value>>,
    pub(super) flag: Map<String, Value>,
    /// The servers that the client can reach.
    pub(super) listeners: Listeners,
    pub(super) has_config_dir: bool,
    /// `true` if no base URL is set and the client uses the simulated Anthropic hosts.
    pub(super) no_base_url: bool,
}

impl CaseSetup {
    pub(super) fn set_defaults(&mut self) {
        let home = self.home().display().to_string();
        for (name, value) in [
            ("HOME", home.as_str()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("ANTHROPIC_BASE_URL", "{upstream}"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", "0"),
        ] {
            self.set_variable(name, value);
        }
    }

    pub(super) fn use_anthropic_hosts(&mut self, hosts: &AnthropicHosts) {
        self.environment.remove("ANTHROPIC_BASE_URL");
        let certificate = hosts.certificate.display().to_string();
        self.set_variable("NODE_EXTRA_CA_CERTS", &certificate);
        self.set_variable("SSL_CERT_FILE", &certificate);
        self.add_file(
            HOSTS,
            anthropic_hosts::hosts_file(self.listeners.anthropic.port()),
        );
    }

    /// Returns the user's home directory.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Returns the client's working directory.
    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// Returns the file to which each helper appends its scope when it runs.
    pub(super) fn helper_runs(&self) -> PathBuf {
        self.folder.join("helper-runs")
    }

    /// Sets an environment variable.
    pub(super) fn set_variable(&mut self, name: &str, value: &str) {
        let value = self.expand(value);
        self.environment.insert(name.to_owned(), value);
    }

    /// Adds a file, by its path in the combination's directory.
    pub(super) fn add_file(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    /// Records a planted credential; an empty value means that the client should send none.
    pub(super) fn plant(&mut self, method: &'static str, scope: &'static str, value: String) {
        self.planted.push(PlantedCredential {
            method,
            scope,
            value,
        });
    }

    pub(super) fn write_files(&self) -> Result<()> {
        fs::create_dir_all(self.home())?;
        fs::create_dir_all(self.project())?;
        for (path, text) in &self.files {
            let file = self.folder.join(path.trim_end_matches(READABLE));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            let mode = mode(path);
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Returns the base URL of a placeholder.
    pub(super) fn url(&self, placeholder: &str) -> String {
        self.expand(placeholder)
    }

    pub(super) fn expand(&self, value: &str) -> String {
        let home = self.home().display().to_string();
        let value = value.replace("{home}", &home);
        value
            .replace("{upstream}", &self.listeners.upstream.url())
            .replace("{other}", &self.listeners.other.url())
    }

    /// Returns a command with the combination's environment and working directory.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = if self.no_base_url {
            anthropic_hosts::with_hosts(&self.folder.join(HOSTS), program)
        } else {
            Command::new(program)
        };
        command.env_clear().envs(&self.environment);
        command.current_dir(self.project()).stdin(Stdio::null());
        command
    }
}

/// Returns the mode of a file.
fn mode(path: &str) -> u32 {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "sh" => 0o700,
        "json#readable" => 0o644,
        _ => 0o600,
    }
}

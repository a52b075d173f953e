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
use serde_json::{Map, Value, json};

use super::anthropic_hosts::{self, AnthropicHosts};
use super::case::Case;
use super::ingredient::{HelperScript, Ingredient, Layer, Shape, Slot};
use super::upstream::Listeners;
use super::{profile_files, token};

/// Name of the combination's hosts file.
const HOSTS: &str = "hosts";

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
    settings: BTreeMap<&'static str, Map<String, Value>>,
    flag: Map<String, Value>,
    /// The servers that the client can reach.
    pub(super) listeners: Listeners,
    has_config_dir: bool,
    /// `true` if no base URL is set and the client uses the simulated Anthropic hosts.
    pub(super) no_base_url: bool,
}

impl CaseSetup {
    /// Sets up a combination in an existing, empty directory.
    pub(super) fn create(
        case: &Case,
        folder: &Path,
        anthropic_hosts: Option<&AnthropicHosts>,
    ) -> Result<Self> {
        let mut setup = Self {
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            files: BTreeMap::new(),
            planted: Vec::new(),
            settings: BTreeMap::new(),
            flag: Map::new(),
            listeners: Listeners::start()?,
            has_config_dir: case.ingredients.iter().any(is_config_dir),
            no_base_url: case.ingredients.contains(&Ingredient::NoBaseUrl),
        };
        setup.set_defaults();
        if setup.no_base_url {
            let hosts = anthropic_hosts.context("the simulated Anthropic hosts are not running")?;
            setup.use_anthropic_hosts(hosts);
        }
        for ingredient in &case.ingredients {
            setup.add(*ingredient);
        }
        setup.finish_settings();
        setup.write_files()?;
        Ok(setup)
    }

    fn set_defaults(&mut self) {
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

    fn use_anthropic_hosts(&mut self, hosts: &AnthropicHosts) {
        self.environment.remove("ANTHROPIC_BASE_URL");
        let certificate = hosts.certificate.display().to_string();
        self.set_variable("NODE_EXTRA_CA_CERTS", &certificate);
        self.set_variable("SSL_CERT_FILE", &certificate);
        self.add_file(
            HOSTS,
            anthropic_hosts::hosts_file(&self.listeners.anthropic),
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

    fn add(&mut self, ingredient: Ingredient) {
        match ingredient {
            Ingredient::Variable(slot, shape) => {
                self.set_variable(slot.variable(), &slot.value(shape, "environment"));
                self.plant_slot(slot, shape, "environment");
            }
            Ingredient::Environment(name, value) => self.set_variable(name, value),
            Ingredient::Setting(layer, slot, shape) => {
                let scope = self.scope(layer);
                self.set_settings_variable(layer, slot.variable(), &slot.value(shape, scope));
                self.plant_slot(slot, shape, scope);
            }
            Ingredient::Entry(layer, name, value) => {
                let value = self.expand(value);
                self.set_settings_variable(layer, name, &value);
            }
            Ingredient::Helper(layer, helper) => self.add_helper(layer, helper),
            Ingredient::Login(login) => profile_files::add_login(self, login),
            Ingredient::Profile(profile) => profile_files::add_profile(self, profile),
            Ingredient::Federation(federation) => profile_files::add_federation(self, federation),
            Ingredient::NoBaseUrl => {}
            Ingredient::Arguments(arguments) => {
                let arguments = arguments.iter().map(|&argument| argument.to_owned());
                self.arguments.extend(arguments);
            }
        }
    }

    fn plant_slot(&mut self, slot: Slot, shape: Shape, scope: &'static str) {
        self.plant(slot.method(), scope, slot.token(shape, scope));
    }

    /// Returns the scope of a layer. User settings have none if `CLAUDE_CONFIG_DIR` is set.
    fn scope(&self, layer: Layer) -> &'static str {
        match layer {
            Layer::User if self.has_config_dir => "nowhere",
            Layer::User | Layer::Project | Layer::Local | Layer::Flag | Layer::ConfigDir => {
                layer.scope()
            }
        }
    }

    fn settings_of(&mut self, layer: Layer) -> &mut Map<String, Value> {
        match layer.file() {
            Some(file) => self.settings.entry(file).or_default(),
            None => &mut self.flag,
        }
    }

    fn set_settings_variable(&mut self, layer: Layer, name: &str, value: &str) {
        let environment = self
            .settings_of(layer)
            .entry("env")
            .or_insert_with(|| json!({}));
        environment[name] = Value::from(value);
    }

    fn add_helper(&mut self, layer: Layer, helper: HelperScript) {
        let scope = self.scope(layer);
        let token = token::fake_token(token::Family::Opaque, &format!("helper-{scope}"));
        let prints = match helper {
            HelperScript::Prints => format!("printf '%s\\n' '{token}'"),
            HelperScript::PrintsPadded => format!("printf '  %s \\n\\n' '{token}'"),
            HelperScript::PrintsTwoLines => format!("printf '%s\\n%s\\n' '{token}' 'more'"),
            HelperScript::PrintsNothing => "true".to_owned(),
            HelperScript::Fails => "echo broken >&2; exit 3".to_owned(),
            HelperScript::Missing => String::new(),
            HelperScript::EmptyText | HelperScript::Null => {
                let value = if helper == HelperScript::Null {
                    Value::Null
                } else {
                    "".into()
                };
                self.settings_of(layer)
                    .insert("apiKeyHelper".to_owned(), value);
                return;
            }
        };
        let name = format!("helper-{scope}.sh");
        let script = self.folder.join(&name).display().to_string();
        self.settings_of(layer)
            .insert("apiKeyHelper".to_owned(), script.into());
        if helper != HelperScript::Missing {
            let runs = self.helper_runs();
            let text = format!(
                "#!/bin/sh\necho {scope} >> '{}'\n{prints}\n",
                runs.display()
            );
            self.add_file(&name, text);
        }
        let works = matches!(helper, HelperScript::Prints | HelperScript::PrintsPadded);
        self.plant("helper", scope, if works { token } else { String::new() });
    }

    fn finish_settings(&mut self) {
        for (file, settings) in std::mem::take(&mut self.settings) {
            self.add_file(file, format!("{:#}\n", Value::Object(settings)));
        }
        let flag = std::mem::take(&mut self.flag);
        if flag.is_empty() {
            return;
        }
        let has_token = flag.contains_key("env");
        let flag = Value::Object(flag).to_string();
        // keyreeve rejects tokens in arguments; the flag also accepts a file.
        let value = if has_token {
            self.add_file("flag.json", flag);
            self.folder.join("flag.json").display().to_string()
        } else {
            flag
        };
        self.arguments.extend(["--settings".to_owned(), value]);
    }

    fn write_files(&self) -> Result<()> {
        fs::create_dir_all(self.home())?;
        fs::create_dir_all(self.project())?;
        for (path, text) in &self.files {
            let file = self
                .folder
                .join(path.trim_end_matches(profile_files::READABLE));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            let mode = profile_files::mode(path);
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Returns the base URL of a placeholder.
    pub(super) fn url(&self, placeholder: &str) -> String {
        self.expand(placeholder)
    }

    fn expand(&self, value: &str) -> String {
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

fn is_config_dir(ingredient: &Ingredient) -> bool {
    matches!(ingredient, Ingredient::Environment(name, _) if *name == "CLAUDE_CONFIG_DIR")
}

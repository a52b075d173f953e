//! Sets a combination up: a home and a project of its own on disk, the environment, the arguments; and remembers which
//! value was planted where.
//!
//! Invariant: the client's environment holds what is listed here and nothing of the caller's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::case::Case;
use super::ingredient::{Helper, Ingredient, Layer, Shape, Slot};
use super::upstream::Listeners;
use super::vendor::{self, Vendor};
use super::{profile_files, token};

/// The scene's hosts file.
const HOSTS: &str = "hosts";

/// A credential that was planted, by the names that `keyreeve status --json` uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Planted {
    pub(super) method: &'static str,
    pub(super) scope: &'static str,
    /// What the client ought to send of it.
    pub(super) value: String,
}

/// A combination, set up.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) arguments: Vec<String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) planted: Vec<Planted>,
    settings: BTreeMap<&'static str, Map<String, Value>>,
    flag: Map<String, Value>,
    /// What the client can reach.
    pub(super) listeners: Listeners,
    has_config_dir: bool,
    /// Where the vendor's own hosts answer.
    pub(super) vendor_answers: bool,
}

impl Scene {
    /// Sets it up in a folder, which is there and empty.
    pub(super) fn set_up(case: &Case, folder: &Path, vendor: Option<&Vendor>) -> Result<Self> {
        let mut scene = Self {
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            files: BTreeMap::new(),
            planted: Vec::new(),
            settings: BTreeMap::new(),
            flag: Map::new(),
            listeners: Listeners::start()?,
            has_config_dir: case.ingredients.iter().any(is_config_dir),
            vendor_answers: case.ingredients.contains(&Ingredient::VendorAnswers),
        };
        scene.always();
        if scene.vendor_answers {
            let vendor = vendor.context("the vendor's hosts have no stand-in here")?;
            scene.meet_the_vendor(vendor);
        }
        for ingredient in &case.ingredients {
            scene.add(*ingredient);
        }
        scene.finish_settings();
        scene.write()?;
        Ok(scene)
    }

    fn always(&mut self) {
        let home = self.home().display().to_string();
        for (name, value) in [
            ("HOME", home.as_str()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("ANTHROPIC_BASE_URL", "{upstream}"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", "0"),
        ] {
            self.variable(name, value);
        }
    }

    fn meet_the_vendor(&mut self, vendor: &Vendor) {
        self.environment.remove("ANTHROPIC_BASE_URL");
        let certificate = vendor.certificate.display().to_string();
        self.variable("NODE_EXTRA_CA_CERTS", &certificate);
        self.variable("SSL_CERT_FILE", &certificate);
        self.file(HOSTS, vendor::hosts(&self.listeners.vendor));
    }

    /// The person's home.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Where the client is started.
    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// The file to which each helper appends when it is run.
    pub(super) fn helper_runs(&self) -> PathBuf {
        self.folder.join("helper-runs")
    }

    /// Sets a variable of the process.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        let value = self.filled(value);
        self.environment.insert(name.to_owned(), value);
    }

    /// Plans a file, by its path in the scene's folder.
    pub(super) fn file(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    /// Remembers what was planted; an empty value is none.
    pub(super) fn plant(&mut self, method: &'static str, scope: &'static str, value: String) {
        self.planted.push(Planted {
            method,
            scope,
            value,
        });
    }

    fn add(&mut self, ingredient: Ingredient) {
        match ingredient {
            Ingredient::Variable(slot, shape) => {
                self.variable(slot.variable(), &slot.value(shape, "environment"));
                self.plant_slot(slot, shape, "environment");
            }
            Ingredient::Environment(name, value) => self.variable(name, value),
            Ingredient::Setting(layer, slot, shape) => {
                let scope = self.scope(layer);
                self.entry(layer, slot.variable(), &slot.value(shape, scope));
                self.plant_slot(slot, shape, scope);
            }
            Ingredient::Entry(layer, name, value) => {
                let value = self.filled(value);
                self.entry(layer, name, &value);
            }
            Ingredient::Helper(layer, helper) => self.helper(layer, helper),
            Ingredient::Login(login) => profile_files::login(self, login),
            Ingredient::Profile(profile) => profile_files::profile(self, profile),
            Ingredient::Federation(federation) => profile_files::federation(self, federation),
            Ingredient::VendorAnswers => {}
            Ingredient::Arguments(arguments) => {
                let arguments = arguments.iter().map(|&argument| argument.to_owned());
                self.arguments.extend(arguments);
            }
        }
    }

    fn plant_slot(&mut self, slot: Slot, shape: Shape, scope: &'static str) {
        self.plant(slot.method(), scope, slot.token(shape, scope));
    }

    /// What is in the user's own folder counts for nothing where the variable names another one.
    fn scope(&self, layer: Layer) -> &'static str {
        match layer {
            Layer::User if self.has_config_dir => "nowhere",
            Layer::User | Layer::Project | Layer::Local | Layer::Flag | Layer::ConfigDir => {
                layer.scope()
            }
        }
    }

    fn layer(&mut self, layer: Layer) -> &mut Map<String, Value> {
        match layer.file() {
            Some(file) => self.settings.entry(file).or_default(),
            None => &mut self.flag,
        }
    }

    fn entry(&mut self, layer: Layer, name: &str, value: &str) {
        let environment = self.layer(layer).entry("env").or_insert_with(|| json!({}));
        environment[name] = Value::from(value);
    }

    fn helper(&mut self, layer: Layer, helper: Helper) {
        let scope = self.scope(layer);
        let token = token::made_up(token::Family::Opaque, &format!("helper-{scope}"));
        let prints = match helper {
            Helper::Prints => format!("printf '%s\\n' '{token}'"),
            Helper::PrintsPadded => format!("printf '  %s \\n\\n' '{token}'"),
            Helper::PrintsTwoLines => format!("printf '%s\\n%s\\n' '{token}' 'more'"),
            Helper::PrintsNothing => "true".to_owned(),
            Helper::Fails => "echo broken >&2; exit 3".to_owned(),
            Helper::Missing => String::new(),
            Helper::EmptyText | Helper::Null => {
                let value = if helper == Helper::Null {
                    Value::Null
                } else {
                    "".into()
                };
                self.layer(layer).insert("apiKeyHelper".to_owned(), value);
                return;
            }
        };
        let name = format!("helper-{scope}.sh");
        let script = self.folder.join(&name).display().to_string();
        self.layer(layer)
            .insert("apiKeyHelper".to_owned(), script.into());
        if helper != Helper::Missing {
            let runs = self.helper_runs();
            let text = format!(
                "#!/bin/sh\necho {scope} >> '{}'\n{prints}\n",
                runs.display()
            );
            self.file(&name, text);
        }
        let works = matches!(helper, Helper::Prints | Helper::PrintsPadded);
        self.plant("helper", scope, if works { token } else { String::new() });
    }

    fn finish_settings(&mut self) {
        for (file, settings) in std::mem::take(&mut self.settings) {
            self.file(file, format!("{:#}\n", Value::Object(settings)));
        }
        let flag = std::mem::take(&mut self.flag);
        if flag.is_empty() {
            return;
        }
        let holds_token = flag.contains_key("env");
        let flag = Value::Object(flag).to_string();
        // Nobody should write a token into an argument, and keyreeve refuses one there; the flag takes a file as well.
        let given = if holds_token {
            self.file("flag.json", flag);
            self.folder.join("flag.json").display().to_string()
        } else {
            flag
        };
        self.arguments.extend(["--settings".to_owned(), given]);
    }

    fn write(&self) -> Result<()> {
        fs::create_dir_all(self.home())?;
        fs::create_dir_all(self.project())?;
        for (path, text) in &self.files {
            let file = self
                .folder
                .join(path.trim_end_matches(profile_files::READABLE));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, text).with_context(|| format!("write {path}"))?;
            let mode = profile_files::mode(path);
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// The base URL that a placeholder stands for.
    pub(super) fn url(&self, placeholder: &str) -> String {
        self.filled(placeholder)
    }

    fn filled(&self, value: &str) -> String {
        let home = self.home().display().to_string();
        let value = value.replace("{home}", &home);
        value
            .replace("{upstream}", &self.listeners.upstream.url())
            .replace("{other}", &self.listeners.other.url())
    }

    /// A command with this scene's environment, in this scene's project.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = if self.vendor_answers {
            vendor::with_hosts(&self.folder.join(HOSTS), program)
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

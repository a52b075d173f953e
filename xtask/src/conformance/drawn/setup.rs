//! Creates a drawn world on disk: its files, environment and arguments, with a record of what is planted in them.
//!
//! Invariant: the client's environment contains only the variables set here.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::planted::{self, PlantedValue};
use super::world::{DrawnItem, DrawnValue, DrawnWorld, FileDamage, FilePlace, StartDirectory};
use super::{git_files, grammar, values};
use crate::conformance::anthropic_hosts::{self, AnthropicHosts};
use crate::conformance::case_setup::READABLE;
use crate::conformance::token;
use crate::conformance::upstream::Listeners;

const ORGANIZATION: &str = "00000000-1111-4222-8333-444444444444";

/// Shell command that adds the world's own `/etc` and hosts file, and executes the program in the remaining arguments.
const IN_WORLD: &str = "\
if [ -d \"$0/etc\" ]; then mount -t overlay overlay -o \"lowerdir=$0/etc:/etc\" /etc || exit 120; fi; \
mount --bind \"$0/hosts\" /etc/hosts || exit 120; exec \"$@\"";

/// Suffix of the name of a helper script.
pub(super) const SCRIPT: &str = ".sh";

/// The variables of every world, without those that name its directory.
const DEFAULTS: [(&str, &str); 5] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("LANG", "C.UTF-8"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", "0"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A world on disk.
pub(super) struct WorldSetup {
    pub(super) folder: PathBuf,
    /// The variables that the world sets.
    pub(super) environment: BTreeMap<String, String>,
    pub(super) arguments: Vec<String>,
    /// Path below the world's directory, and text.
    pub(super) files: BTreeMap<String, String>,
    pub(super) planted: Vec<PlantedValue>,
    pub(super) listeners: Listeners,
    pub(super) directory: StartDirectory,
    documents: BTreeMap<String, Value>,
    certificate: PathBuf,
}

impl WorldSetup {
    /// Creates a world in an empty directory.
    pub(super) fn create(
        world: &DrawnWorld,
        folder: &Path,
        hosts: &AnthropicHosts,
    ) -> Result<Self> {
        let directory = world.items.iter().find_map(|item| match item {
            DrawnItem::Directory(directory) => Some(*directory),
            _ => None,
        });
        let mut setup = Self {
            folder: folder.to_owned(),
            environment: BTreeMap::from([(
                "HOME".to_owned(),
                folder.join("home").display().to_string(),
            )]),
            arguments: Vec::new(),
            files: BTreeMap::new(),
            planted: Vec::new(),
            listeners: Listeners::start()?,
            directory: directory.unwrap_or(StartDirectory::Plain),
            documents: BTreeMap::new(),
            certificate: hosts.certificate.clone(),
        };
        let mut items = world.items.clone();
        items.sort_by_key(|item| application_order(*item));
        for item in &items {
            setup.add(*item);
        }
        setup.finish_documents(&items);
        setup.add_helper_scripts();
        setup
            .files
            .extend(git_files::git_files(setup.directory, folder));
        if setup.files.contains_key(grammar::FLAG.path) {
            let flag = setup.absolute(grammar::FLAG.path);
            setup.arguments.extend(["--settings".to_owned(), flag]);
        }
        setup.write()?;
        Ok(setup)
    }

    fn add(&mut self, item: DrawnItem) {
        match item {
            DrawnItem::Variable(name, value) => {
                let text = self.plant(None, name, value);
                let text = planted::javascript_text(&text);
                self.environment.insert(name.to_owned(), text);
            }
            DrawnItem::Field(place, key, value) => {
                let path = self.path(place);
                let planted = self.plant(Some(place), key, value);
                let document = self.documents.entry(path).or_insert_with(|| json!({}));
                let new = (value != DrawnValue::Missing).then_some(planted);
                set_field(document, key, new);
            }
            DrawnItem::Document(place, template) => {
                let text = self.plant(Some(place), "file", DrawnValue::Text(template));
                let text = planted::javascript_text(&text);
                let path = self.path(place);
                match serde_json::from_str::<Value>(&text) {
                    Ok(document @ Value::Object(_)) => {
                        self.documents.insert(path, document);
                    }
                    Ok(_) | Err(_) => {
                        self.files.insert(path, text);
                    }
                }
            }
            DrawnItem::Arguments(arguments) => {
                self.arguments
                    .extend(arguments.iter().map(|&argument| argument.to_owned()));
            }
            DrawnItem::Damage(..) | DrawnItem::Directory(_) => {}
        }
    }

    /// Expands a value and records it.
    fn plant(&mut self, place: Option<FilePlace>, key: &str, value: DrawnValue) -> Value {
        let place_name = place.map_or("environment", |place| place.name);
        let label = format!("{}-{place_name}", key.strip_prefix("env.").unwrap_or(key));
        let (template, is_broken) = match value {
            DrawnValue::Text(text) => {
                let fails = values::FAILING_COMMANDS.contains(&text);
                (text, key == "apiKeyHelper" && fails)
            }
            DrawnValue::Json(text) | DrawnValue::Script(text) => (text, false),
            DrawnValue::BrokenScript(text) => (text, true),
            DrawnValue::Missing => ("", false),
        };
        let text = self.expand(template, key, &label);
        let tokens = tokens(template, key, &label);
        let value = match value {
            DrawnValue::Script(_) | DrawnValue::BrokenScript(_) => {
                let path = format!("helper-{place_name}.sh");
                self.files.insert(path.clone(), text);
                self.absolute(&path).into()
            }
            DrawnValue::Json(_) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            DrawnValue::Text(_) | DrawnValue::Missing => Value::String(text),
        };
        let file = place.map(|place| self.absolute(&self.path(place)));
        self.planted.push(PlantedValue {
            name: format!("{place_name}:{key}"),
            key: key.to_owned(),
            file,
            tokens,
            text: planted::javascript_text(&value).trim().to_owned(),
            is_broken_helper: is_broken,
        });
        value
    }

    fn expand(&self, template: &str, key: &str, label: &str) -> String {
        let own = planted::drawn_token(planted::family(key), label);
        let (half, rest) = own.split_at(own.len() / 2);
        let key_end = planted::drawn_token("api03", "ANTHROPIC_API_KEY-environment");
        let url = self.listeners.upstream.url();
        let host = url.trim_start_matches("http://").to_owned();
        let home = self.folder.join("home").display().to_string();
        let mut text = template.to_owned();
        for (name, value) in [
            ("{token}", own.as_str()),
            ("{half}", half),
            ("{rest}", rest),
            ("{key_end}", &key_end[key_end.len() - 20..]),
            ("{upstream}", &url),
            ("{other}", &self.listeners.other.url()),
            ("{upstream_host}", &host),
            (
                "{upstream_port}",
                &self.listeners.upstream.port().to_string(),
            ),
            ("{home}", &home),
            ("{organization}", ORGANIZATION),
            ("{identity}", &token::identity_token("federation")),
            ("{ort01}", &token::refresh_token("login")),
        ] {
            text = text.replace(name, value);
        }
        for family in ["api03", "oat01", "opaque"] {
            text = text.replace(
                &format!("{{{family}}}"),
                &planted::drawn_token(family, label),
            );
        }
        text
    }

    fn finish_documents(&mut self, items: &[DrawnItem]) {
        for (path, document) in std::mem::take(&mut self.documents) {
            self.files.insert(path, format!("{document:#}\n"));
        }
        for item in items {
            let DrawnItem::Damage(place, damage) = *item else {
                continue;
            };
            let path = self.path(place);
            let text = self
                .files
                .remove(&path)
                .unwrap_or_else(|| "{}\n".to_owned());
            let suffix = if damage == FileDamage::Readable {
                READABLE
            } else {
                ""
            };
            self.files
                .insert(format!("{path}{suffix}"), damage.apply(&text));
        }
    }

    /// Completes the scripts: each records that it ran.
    fn add_helper_scripts(&mut self) {
        let runs = self.helper_runs().display().to_string();
        for (path, text) in &mut self.files {
            if path.ends_with(SCRIPT) {
                *text = format!("#!/bin/sh\necho {path} >> '{runs}'\n{text}\n");
            }
        }
    }

    fn path(&self, place: FilePlace) -> String {
        let [working, root, main] = self.directory.paths();
        let path = place.path.replace("{cwd}", working);
        path.replace("{root}", root).replace("{main}", main)
    }

    /// Returns a path as the client finds it.
    pub(super) fn absolute(&self, path: &str) -> String {
        match path.strip_prefix("etc/") {
            Some(_) => format!("/{path}"),
            None => self.folder.join(path).display().to_string(),
        }
    }

    /// Returns the file to which each helper script appends its name when it runs.
    pub(super) fn helper_runs(&self) -> PathBuf {
        self.folder.join("helper-runs")
    }

    fn write(&self) -> Result<()> {
        let [working, ..] = self.directory.paths();
        for folder in ["home", "project", working] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let hosts = anthropic_hosts::hosts_file(self.listeners.anthropic.port());
        fs::write(self.folder.join("hosts"), hosts)?;
        for (path, text) in &self.files {
            let file = self.folder.join(path.trim_end_matches(READABLE));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            let mode = match path {
                path if path.ends_with(SCRIPT) => 0o700,
                path if path.ends_with(READABLE) => 0o644,
                _ => 0o600,
            };
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Returns a command in this world.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--", "sh", "-c", IN_WORLD])
            .arg(&self.folder)
            .arg(program);
        command.env_clear().envs(DEFAULTS);
        command
            .env("NODE_EXTRA_CA_CERTS", &self.certificate)
            .env("SSL_CERT_FILE", &self.certificate);
        command.envs(&self.environment);
        let [working, ..] = self.directory.paths();
        command
            .current_dir(self.folder.join(working))
            .stdin(Stdio::null());
        command
    }
}

/// Returns the order in which ingredients are applied: files before their fields, inner fields before outer ones.
fn application_order(item: DrawnItem) -> (u8, std::cmp::Reverse<usize>) {
    match item {
        DrawnItem::Document(..) => (0, std::cmp::Reverse(0)),
        DrawnItem::Field(_, key, _) => (1, std::cmp::Reverse(key.matches('.').count())),
        DrawnItem::Variable(..)
        | DrawnItem::Damage(..)
        | DrawnItem::Directory(_)
        | DrawnItem::Arguments(_) => (2, std::cmp::Reverse(0)),
    }
}

/// Sets or removes a field by its path with dots.
fn set_field(document: &mut Value, key: &str, value: Option<Value>) {
    let (name, rest) = key
        .split_once('.')
        .map_or((key, None), |(name, rest)| (name, Some(rest)));
    if !document.is_object() {
        *document = json!({});
    }
    let Some(fields) = document.as_object_mut() else {
        return;
    };
    match (rest, value) {
        (Some(rest), value) => {
            set_field(fields.entry(name).or_insert_with(|| json!({})), rest, value);
        }
        (None, Some(value)) => {
            fields.insert(name.to_owned(), value);
        }
        (None, None) => {
            fields.remove(name);
        }
    }
}

/// Returns the tokens that identify a value, from the placeholders of its template.
fn tokens(template: &str, key: &str, label: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let own = planted::drawn_token(planted::family(key), label);
    if template.contains("{token}") {
        tokens.push(own.clone());
    }
    if template.contains("{half}") {
        tokens.push(own[..own.len() / 2].to_owned());
    }
    for family in ["api03", "oat01", "opaque"] {
        if template.contains(&format!("{{{family}}}")) {
            tokens.push(planted::drawn_token(family, label));
        }
    }
    if template.contains("{identity}") {
        tokens.push(planted::exchanged_identity());
    }
    if template.contains("{ort01}") {
        tokens.push(token::access_token("login"));
    }
    tokens
}

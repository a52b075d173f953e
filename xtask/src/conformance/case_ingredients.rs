//! Creates the setup of a combination from its ingredients.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::anthropic_hosts::AnthropicHosts;
use super::case_setup::CaseSetup;
use super::ingredient::{Case, HelperScript, Ingredient, Layer, Shape, Slot};
use super::upstream::Listeners;
use super::{profile_files, token};

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
}

fn is_config_dir(ingredient: &Ingredient) -> bool {
    matches!(ingredient, Ingredient::Environment(name, _) if *name == "CLAUDE_CONFIG_DIR")
}

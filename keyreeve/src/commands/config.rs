//! `config`: path, effective values and schema of the configuration.

use std::borrow::Cow;

use serde::Serialize;

use crate::args::ConfigCommand;
use crate::config;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Line, Table};
use crate::settings::{Layer, SettingValue};

#[derive(Serialize)]
struct Paths {
    config_file: String,
    config: String,
    data: String,
    state: String,
}

#[derive(Serialize)]
struct SettingsView {
    settings: Vec<SettingView>,
}

#[derive(Serialize)]
struct SettingView {
    key: Cow<'static, str>,
    value: String,
    from: String,
    variable: Option<&'static str>,
    flag: Option<&'static str>,
}

pub(super) fn run(config: ConfigCommand, context: &Context) -> Result<(), CommandError> {
    match config {
        ConfigCommand::Path => path(context),
        ConfigCommand::Show => show(context),
        ConfigCommand::Schema => schema(context),
    }
}

fn path(context: &Context) -> Result<(), CommandError> {
    let dirs = context.dirs()?;
    let paths = Paths {
        config_file: dirs.config_file().display().to_string(),
        config: dirs.config.display().to_string(),
        data: dirs.data.display().to_string(),
        state: dirs.state.display().to_string(),
    };
    Ok(context
        .output
        .show(&paths, |paths| vec![Line::Data(paths.config_file.clone())])?)
}

fn show(context: &Context) -> Result<(), CommandError> {
    let settings = context.settings(&context.dirs()?)?;
    let view = SettingsView {
        settings: settings.values().into_iter().map(view).collect(),
    };
    Ok(context.output.show(&view, table)?)
}

fn table(view: &SettingsView) -> Vec<Line> {
    let columns = ["setting", "value", "source"].map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for SettingView {
        key, value, from, ..
    } in &view.settings
    {
        table.row([key.to_string(), value.clone(), from.clone()]);
    }
    vec![Line::Table(table)]
}

fn view(value: SettingValue) -> SettingView {
    let from = match value.from {
        Layer::Flag(flag) => flag.to_owned(),
        Layer::Variable(variable) => variable.to_owned(),
        Layer::File(_) => "config.toml".to_owned(),
        Layer::Default => "default".to_owned(),
    };
    SettingView {
        key: value.key,
        value: value.value,
        from,
        variable: value.variable,
        flag: value.flag,
    }
}

/// Prints the schema, which is JSON in both formats: it is a file to save next to the configuration.
fn schema(context: &Context) -> Result<(), CommandError> {
    let mut text = serde_json::to_string_pretty(&config::schema()).map_err(std::io::Error::from)?;
    text.push('\n');
    Ok(context.output.verbatim(&text)?)
}

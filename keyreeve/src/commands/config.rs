//! `config`: where the file is, what holds, and the schema.

use std::borrow::Cow;

use serde::Serialize;

use crate::config;
use crate::error::CommandError;
use crate::output::{Align, Format, Table};
use crate::settings::{self, Config, Layer};
use crate::wiring::World;

#[derive(Serialize)]
struct Paths {
    config_file: String,
    config: String,
    data: String,
    state: String,
}

#[derive(Serialize)]
struct Shown {
    settings: Vec<ShownSetting>,
}

#[derive(Serialize)]
struct ShownSetting {
    key: Cow<'static, str>,
    value: String,
    from: String,
    variable: Option<&'static str>,
    flag: Option<&'static str>,
}

pub(super) fn run(config: Config, world: &World) -> Result<(), CommandError> {
    match config {
        Config::Path => path(world),
        Config::Show => show(world),
        Config::Schema => schema(world),
    }
}

fn path(world: &World) -> Result<(), CommandError> {
    let places = world.places()?;
    let paths = Paths {
        config_file: places.config_file().display().to_string(),
        config: places.config.display().to_string(),
        data: places.data.display().to_string(),
        state: places.state.display().to_string(),
    };
    match world.output.format() {
        Format::Json => world.output.document(&paths)?,
        Format::Human => world.output.line(&paths.config_file)?,
    }
    Ok(())
}

fn show(world: &World) -> Result<(), CommandError> {
    let settings = world.settings(&world.places()?)?;
    let shown = Shown {
        settings: settings.shown().into_iter().map(shown).collect(),
    };
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&shown)?);
    }
    let mut table = Table::new(&[
        ("setting", Align::Left),
        ("value", Align::Left),
        ("from", Align::Left),
    ]);
    for setting in shown.settings {
        table.row([setting.key.into_owned(), setting.value, setting.from]);
    }
    Ok(world.output.table(&table)?)
}

fn shown(shown: settings::Shown) -> ShownSetting {
    let from = match shown.from {
        Layer::Flag(flag) => flag.to_owned(),
        Layer::Variable(variable) => variable.to_owned(),
        Layer::File(_) => "config.toml".to_owned(),
        Layer::Default => "default".to_owned(),
    };
    ShownSetting {
        key: shown.key,
        value: shown.value,
        from,
        variable: shown.variable,
        flag: shown.flag,
    }
}

/// The schema is JSON in either format: it is a file to keep beside the configuration.
fn schema(world: &World) -> Result<(), CommandError> {
    let mut text = serde_json::to_string_pretty(&config::schema()).map_err(std::io::Error::from)?;
    text.push('\n');
    Ok(world.output.verbatim(&text)?)
}

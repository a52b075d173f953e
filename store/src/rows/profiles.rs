//! Rows of profiles, without their secrets.

use std::collections::HashMap;
use std::sync::Arc;

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Name, Profile, ProfileId, Source};
use rusqlite::{Connection, Row, named_params};
use serde_json::{Value, json};

use crate::sql_enum::SqlEnum;
use crate::sql_types::{count, from_str, micros, optional, parsed, sql_enum, timestamp, uuid};
use crate::{Result, StoreError};

/// Reads all profiles that were not removed, sorted by name.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<Arc<Profile>>> {
    let mut statement =
        connection.prepare("SELECT * FROM profiles WHERE removed = 0 ORDER BY name")?;
    let profiles = statement.query_map([], |row| read_row(row).map(Arc::new))?;
    Ok(profiles.collect::<rusqlite::Result<_>>()?)
}

/// A secret encrypted at rest, and the number of times it was sealed.
#[derive(Debug)]
pub(crate) struct SealedSecret {
    /// The number of times it was sealed.
    pub(crate) generation: u64,
    /// Version, nonce, ciphertext and tag.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the last names of all profiles, removed ones included.
pub(crate) fn read_names(connection: &Connection) -> Result<HashMap<ProfileId, String>> {
    let mut statement = connection.prepare("SELECT id, name FROM profiles")?;
    let names = statement.query_map([], |row| {
        Ok((ProfileId(uuid(row, "id")?), row.get("name")?))
    })?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// Reads the encrypted secrets.
pub(crate) fn read_sealed(connection: &Connection) -> Result<HashMap<ProfileId, SealedSecret>> {
    let mut statement = connection.prepare("SELECT profile, generation, sealed FROM sealed")?;
    let sealed = statement.query_map([], |row| {
        let secret = SealedSecret {
            generation: count(row, "generation")?,
            bytes: row.get("sealed")?,
        };
        Ok((ProfileId(uuid(row, "profile")?), secret))
    })?;
    Ok(sealed.collect::<rusqlite::Result<_>>()?)
}

/// Converts a constraint violation to [`StoreError::NameTaken`].
pub(crate) fn name_taken(error: rusqlite::Error, name: &Name) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::NameTaken {
            name: name.to_string(),
        },
        _ => error.into(),
    }
}

pub(crate) fn insert(connection: &Connection, profile: &Profile) -> Result<()> {
    let (source, detail) = source_columns(&profile.source);
    connection.execute(
        "INSERT INTO profiles (id, name, source, detail, base_url, auth, provenance, billing, family, hint, secret_exposure,
                               simulated, expires_at, created_at, rotated_at)
         VALUES (:id, :name, :source, :detail, :base_url, :auth, :provenance, :billing, :family, :hint, :secret_exposure,
                 :simulated, :expires_at, :created_at, :rotated_at)",
        named_params! {
            ":id": profile.id.0.into_bytes(),
            ":name": profile.name.as_str(),
            ":source": source,
            ":detail": detail,
            ":base_url": profile.base_url.to_string(),
            ":auth": profile.auth.word(),
            ":provenance": profile.provenance.word(),
            ":billing": profile.billing.word(),
            ":family": profile.family.map(SqlEnum::word),
            ":hint": profile.hint,
            ":secret_exposure": profile.secret_exposure.word(),
            ":simulated": profile.simulated,
            ":expires_at": profile.expires_at.map(micros),
            ":created_at": micros(profile.created_at),
            ":rotated_at": profile.rotated_at.map(micros),
        },
    )
    .map_err(|error| name_taken(error, &profile.name))?;
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile {
        id: ProfileId(uuid(row, "id")?),
        name: from_str(row, "name")?,
        source: read_source(row)?,
        base_url: parsed(row, "base_url", read_base_url)?,
        auth: sql_enum(row, "auth")?,
        provenance: sql_enum(row, "provenance")?,
        billing: sql_enum(row, "billing")?,
        family: optional(row, "family", sql_enum)?,
        hint: row.get("hint")?,
        secret_exposure: sql_enum(row, "secret_exposure")?,
        simulated: row.get("simulated")?,
        expires_at: optional(row, "expires_at", timestamp)?,
        created_at: timestamp(row, "created_at")?,
        rotated_at: optional(row, "rotated_at", timestamp)?,
    })
}

/// Returns the columns `source` and `detail` of a source.
fn source_columns(source: &Source) -> (&'static str, Option<String>) {
    match source {
        Source::Sealed => ("sealed", None),
        Source::Environment { variable } => ("environment", Some(variable.clone())),
        Source::File { path } => ("file", Some(path.clone())),
        Source::Command { argv } => ("command", Some(Value::from(argv.as_slice()).to_string())),
        Source::SdkProfile { directory, name } => (
            "sdk-profile",
            Some(json!([name.as_str(), directory]).to_string()),
        ),
        Source::Ant { profile } => ("ant", profile.as_ref().map(ToString::to_string)),
        Source::ClaudeLogin { config_dir } => ("claude-login", config_dir.clone()),
    }
}

fn read_source(row: &Row<'_>) -> rusqlite::Result<Source> {
    let source: String = row.get("source")?;
    Ok(match source.as_str() {
        "environment" => Source::Environment {
            variable: row.get("detail")?,
        },
        "file" => Source::File {
            path: row.get("detail")?,
        },
        "command" => Source::Command {
            argv: parsed(row, "detail", |text| serde_json::from_str(text).ok())?,
        },
        "sdk-profile" => parsed(row, "detail", |text| {
            let (name, directory) = serde_json::from_str::<(String, Option<String>)>(text).ok()?;
            let name = name.parse().ok()?;
            Some(Source::SdkProfile { directory, name })
        })?,
        "ant" => Source::Ant {
            profile: optional(row, "detail", from_str)?,
        },
        "claude-login" => Source::ClaudeLogin {
            config_dir: row.get("detail")?,
        },
        _ => parsed(row, "source", |text| {
            (text == "sealed").then_some(Source::Sealed)
        })?,
    })
}

/// Parses a stored base URL. The parser drops one trailing `/v1`; appending one keeps a `/v1` of the path itself.
fn read_base_url(text: &str) -> Option<BaseUrl> {
    BaseUrl::parse(&format!("{text}/v1"), PlainHttp::LoopbackOnly).ok()
}

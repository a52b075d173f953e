//! Profiles: their rows, and their secrets, which are sealed before they are written.
//!
//! Invariants: a removed profile keeps its row for the ledger's sake and loses its secret; a secret is sealed for the
//! base URL that stands in the profile's row.

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Handing, Name, Profile, ProfileId, Source};
use keyreeve_core::secret::{Secret, Sink};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use serde_json::{Value, json};

use crate::columns::{instant, maybe_instant, maybe_word, micros, number, parsed, uuid, word};
use crate::master_key::MasterKey;
use crate::seal::{self, Binding, Kind};
use crate::words::Word;
use crate::{Error, Result, Store, standings};

impl Store {
    /// Adds a profile; `secret` is sealed when its source is `Sealed`.
    ///
    /// # Errors
    /// [`Error::NameTaken`]; [`Error::NotFound`] when its source is `Sealed` and there is no secret.
    pub fn add_profile(&self, profile: &Profile, secret: Option<&Secret>) -> Result<()> {
        let secret = match (&profile.source, secret) {
            (Source::Sealed, Some(secret)) => Some(carried(secret)),
            (Source::Sealed, None) => {
                return Err(Error::NotFound {
                    what: "secret to seal",
                });
            }
            (
                Source::Environment { .. }
                | Source::File { .. }
                | Source::Command { .. }
                | Source::SdkProfile { .. }
                | Source::Ant { .. }
                | Source::ClaudeLogin { .. },
                _,
            ) => None,
        };
        let (profile, master_key) = (profile.clone(), self.master_key());
        self.change(move |to| {
            insert(to, &profile)?;
            match secret {
                Some(secret) => write_sealed(to, &master_key, profile.id, &secret),
                None => Ok(()),
            }
        })
    }

    /// Replaces a profile's secret, family, hint, end and the time of its last rotation. What answers said of the old
    /// secret is forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such profile with a sealed secret.
    pub fn rotate_profile(&self, changed: &Profile, secret: &Secret) -> Result<()> {
        let (changed, secret, master_key) = (changed.clone(), carried(secret), self.master_key());
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE profiles SET family = :family, hint = :hint, expires_at = :expires_at, rotated_at = :rotated_at
                 WHERE id = :id AND removed = 0 AND source = 'sealed'",
                named_params! {
                    ":id": changed.id.0.into_bytes(),
                    ":family": changed.family.map(Word::word),
                    ":hint": changed.hint,
                    ":expires_at": changed.expires_at.map(micros),
                    ":rotated_at": changed.rotated_at.map(micros),
                },
            )?;
            found(updated)?;
            standings::forget_credential(to, changed.id)?;
            write_sealed(to, &master_key, changed.id, &secret)
        })
    }

    /// Renames a profile.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NameTaken`].
    pub fn rename_profile(&self, id: ProfileId, name: &Name) -> Result<()> {
        let name = name.clone();
        self.change(move |to| {
            let updated = to
                .execute(
                    "UPDATE profiles SET name = ?2 WHERE id = ?1 AND removed = 0",
                    (id.0.into_bytes(), name.as_str()),
                )
                .map_err(|error| taken(error, &name))?;
            found(updated)
        })
    }

    /// Decides whom a profile's raw secret may be handed to.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn hand_profile(&self, id: ProfileId, handing: Handing) -> Result<()> {
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE profiles SET handing = ?2 WHERE id = ?1 AND removed = 0",
                (id.0.into_bytes(), handing.word()),
            )?;
            found(updated)
        })
    }

    /// Removes a profile and erases its secret; keys lose it, and ledger rows keep its id and last name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove_profile(&self, profile: ProfileId) -> Result<()> {
        let id = profile.0.into_bytes();
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE profiles SET removed = 1, hint = NULL, detail = NULL WHERE id = ?1 AND removed = 0",
                [id],
            )?;
            found(updated)?;
            to.execute("DELETE FROM sealed WHERE profile = ?1", [id])?;
            to.execute("DELETE FROM key_profiles WHERE profile = ?1", [id])?;
            to.execute("UPDATE meta SET default_profile = NULL WHERE default_profile = ?1", [id])?;
            standings::forget_profile(to, profile)?;
            Ok(())
        })
    }

    /// Chooses the default profile.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn use_profile(&self, id: ProfileId) -> Result<()> {
        self.change(move |to| {
            let updated = to.execute(
                "UPDATE meta SET default_profile = ?1
                 WHERE EXISTS (SELECT 1 FROM profiles WHERE id = ?1 AND removed = 0)",
                [id.0.into_bytes()],
            )?;
            found(updated)
        })
    }
}

/// Reads all profiles that were not removed, in order of their names.
pub(crate) fn read_all(connection: &Connection) -> Result<Vec<Profile>> {
    let mut statement =
        connection.prepare("SELECT * FROM profiles WHERE removed = 0 ORDER BY name")?;
    let profiles = statement.query_map([], read_row)?;
    Ok(profiles.collect::<rusqlite::Result<_>>()?)
}

/// Tells a taken name from other refusals.
pub(crate) fn taken(error: rusqlite::Error, name: &Name) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::NameTaken {
            name: name.to_string(),
        },
        _ => error.into(),
    }
}

/// Takes the secret along to the writer's thread.
fn carried(secret: &Secret) -> Secret {
    Secret::new(secret.expose_for(Sink::Seal).to_owned())
}

fn found(updated: usize) -> Result<()> {
    if updated == 0 {
        Err(Error::NotFound { what: "profile" })
    } else {
        Ok(())
    }
}

fn insert(to: &Connection, profile: &Profile) -> Result<()> {
    let (source, detail) = columns_of(&profile.source);
    to.execute(
        "INSERT INTO profiles (id, name, source, detail, base_url, auth, provenance, billing, family, hint, handing,
                               simulated, expires_at, created_at, rotated_at)
         VALUES (:id, :name, :source, :detail, :base_url, :auth, :provenance, :billing, :family, :hint, :handing,
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
            ":family": profile.family.map(Word::word),
            ":hint": profile.hint,
            ":handing": profile.handing.word(),
            ":simulated": profile.simulated,
            ":expires_at": profile.expires_at.map(micros),
            ":created_at": micros(profile.created_at),
            ":rotated_at": profile.rotated_at.map(micros),
        },
    )
    .map_err(|error| taken(error, &profile.name))?;
    Ok(())
}

/// Seals a secret for the base URL in the profile's row, under the next generation.
fn write_sealed(
    to: &Connection,
    master_key: &MasterKey,
    profile: ProfileId,
    secret: &Secret,
) -> Result<()> {
    let id = profile.0.into_bytes();
    let base_url: String =
        to.query_row("SELECT base_url FROM profiles WHERE id = ?1", [id], |row| {
            row.get(0)
        })?;
    let last: Option<i64> = to
        .query_row(
            "SELECT generation FROM sealed WHERE profile = ?1",
            [id],
            |row| row.get(0),
        )
        .optional()?;
    let generation = last.unwrap_or(0).unsigned_abs().saturating_add(1);
    let binding = Binding {
        id,
        kind: Kind::Profile,
        generation,
        base_url: &base_url,
    };
    let sealed = seal::seal(
        master_key,
        binding,
        secret.expose_for(Sink::Seal).as_bytes(),
    )?;
    to.execute(
        "INSERT OR REPLACE INTO sealed (profile, generation, sealed) VALUES (?1, ?2, ?3)",
        (id, number(generation), sealed),
    )?;
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile {
        id: ProfileId(uuid(row, "id")?),
        name: parsed(row, "name", |text| text.parse().ok())?,
        source: read_source(row)?,
        base_url: parsed(row, "base_url", read_base_url)?,
        auth: word(row, "auth")?,
        provenance: word(row, "provenance")?,
        billing: word(row, "billing")?,
        family: maybe_word(row, "family")?,
        hint: row.get("hint")?,
        handing: word(row, "handing")?,
        simulated: row.get("simulated")?,
        expires_at: maybe_instant(row, "expires_at")?,
        created_at: instant(row, "created_at")?,
        rotated_at: maybe_instant(row, "rotated_at")?,
    })
}

/// The word of a source, and what else there is to know about it.
fn columns_of(source: &Source) -> (&'static str, Option<String>) {
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
            profile: match row.get::<_, Option<String>>("detail")? {
                Some(_) => Some(parsed(row, "detail", |text| text.parse().ok())?),
                None => None,
            },
        },
        "claude-login" => Source::ClaudeLogin {
            config_dir: row.get("detail")?,
        },
        _ => parsed(row, "source", |text| {
            (text == "sealed").then_some(Source::Sealed)
        })?,
    })
}

/// Reads back what was written. Parsing drops one `/v1` at the end; giving it one to drop keeps any of the path's own.
fn read_base_url(text: &str) -> Option<BaseUrl> {
    BaseUrl::parse(&format!("{text}/v1"), PlainHttp::LoopbackOnly).ok()
}

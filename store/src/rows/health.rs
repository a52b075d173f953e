//! Rows of health (one for each scope that is not ready) and of the organization of each profile.
//!
//! Invariant: a scope that is ready has no row.

use std::collections::HashMap;

use keyreeve_core::health::{
    Cooldown, Health, HealthReason, HealthScope, Organization, RequestClass,
};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::verdict::VerdictCode;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use uuid::Uuid;

use crate::Result;
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::{
    column_error, from_non_empty, from_str, micros, optional, parsed, sql_enum, timestamp, uuid,
};

/// Every scope that is not ready, and the organizations of profiles, read in one transaction.
#[derive(Debug, Default)]
pub struct HealthStates {
    states: HashMap<HealthScope, Health>,
    organizations: HashMap<ProfileId, Organization>,
}

impl HealthStates {
    /// Returns the health of a scope.
    pub fn get(&self, scope: &HealthScope) -> Health {
        self.states.get(scope).copied().unwrap_or_default()
    }

    /// Returns `true` if every scope is ready.
    pub fn all_ready(&self) -> bool {
        self.states.is_empty()
    }

    /// Iterates over all scopes that are not ready, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&HealthScope, &Health)> {
        self.states.iter()
    }

    /// Returns the organization named by the last response for a profile.
    pub fn organization(&self, profile: ProfileId) -> Option<&Organization> {
        self.organizations.get(&profile)
    }

    pub(crate) fn read(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare("SELECT * FROM health")?;
        let states = statement.query_map([], |row| Ok((read_scope(row)?, read_row(row)?)))?;
        let mut statement = connection.prepare("SELECT * FROM organizations")?;
        let organizations = statement.query_map([], |row| {
            let organization = from_str(row, "organization")?;
            Ok((ProfileId(uuid(row, "profile")?), organization))
        })?;
        Ok(Self {
            states: states.collect::<rusqlite::Result<_>>()?,
            organizations: organizations.collect::<rusqlite::Result<_>>()?,
        })
    }
}

/// Deletes the health of a profile's credential that comes from responses, because the credential was replaced. A drain
/// stays.
pub(crate) fn delete_credential_health(
    connection: &Connection,
    profile: ProfileId,
) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM health WHERE kind = 'credential' AND subject = ?1 AND code IS NOT NULL",
        [profile.to_string()],
    )?;
    connection.execute(
        "DELETE FROM organizations WHERE profile = ?1",
        [profile.0.into_bytes()],
    )?;
    bump_generation(connection)
}

/// Deletes all health of a removed profile.
pub(crate) fn delete_profile_health(
    connection: &Connection,
    profile: ProfileId,
) -> rusqlite::Result<()> {
    delete_credential_health(connection, profile)?;
    connection.execute(
        "DELETE FROM health WHERE kind = 'credential' AND subject = ?1",
        [profile.to_string()],
    )?;
    Ok(())
}

pub(crate) fn bump_generation(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE meta SET health_generation = health_generation + 1",
        [],
    )?;
    Ok(())
}

/// Maximum number of request classes with a row, per profile or organization, because clients choose the model names.
const MAX_CLASSES: i64 = 64;

/// Deletes the classes beyond [`MAX_CLASSES`] whose cooldowns end first: at worst one more request is refused upstream.
fn evict_classes(connection: &Connection, kind: &str, subject: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM health WHERE (kind, subject) = (?1, ?2) AND class IN (
             SELECT class FROM health WHERE (kind, subject) = (?1, ?2) AND class <> ''
             ORDER BY coalesce(until, since) DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute((kind, subject, MAX_CLASSES))?;
    Ok(())
}

/// Returns the columns `kind`, `subject` and `class` of a scope.
fn scope_columns(scope: &HealthScope) -> (&'static str, String, String) {
    match scope {
        HealthScope::Credential(profile) => ("credential", profile.to_string(), String::new()),
        HealthScope::CredentialClass(profile, class) => {
            ("credential", profile.to_string(), class.to_string())
        }
        HealthScope::Organization(organization) => {
            ("organization", organization.to_string(), String::new())
        }
        HealthScope::OrganizationClass(organization, class) => {
            ("organization", organization.to_string(), class.to_string())
        }
    }
}

fn read_scope(row: &Row<'_>) -> rusqlite::Result<HealthScope> {
    let class: Option<RequestClass> = from_non_empty(row, "class")?;
    let kind: String = row.get("kind")?;
    if kind == "organization" {
        let organization: Organization = from_str(row, "subject")?;
        return Ok(match class {
            None => HealthScope::Organization(organization),
            Some(class) => HealthScope::OrganizationClass(organization, class),
        });
    }
    let profile = parsed(row, "subject", |text| Uuid::try_parse(text).ok())?;
    let profile = ProfileId(profile);
    Ok(match class {
        None => HealthScope::Credential(profile),
        Some(class) => HealthScope::CredentialClass(profile, class),
    })
}

pub(crate) fn find(connection: &Connection, scope: &HealthScope) -> Result<Health> {
    let found = connection
        .prepare_cached("SELECT * FROM health WHERE (kind, subject, class) = (?1, ?2, ?3)")?
        .query_row(scope_columns(scope), read_row)
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Health> {
    let since = timestamp(row, "since")?;
    let state: String = row.get("state")?;
    let reason = || read_reason(row)?.ok_or_else(|| column_error("code", Type::Null));
    match state.as_str() {
        "cooldown" => Ok(Health::Cooldown(Cooldown {
            schedule: sql_enum(row, "schedule")?,
            reason: read_reason(row)?,
            since,
            until: timestamp(row, "until")?,
            time_source: sql_enum(row, "time_source")?,
            failures: row.get("failures")?,
            probed_at: optional(row, "probed_at", timestamp)?,
        })),
        "blocked" => Ok(Health::Blocked {
            reason: reason()?,
            since,
        }),
        "dead" => Ok(Health::Dead {
            reason: reason()?,
            since,
        }),
        "drained" => Ok(Health::Drained { since }),
        _ => Err(column_error("state", Type::Text)),
    }
}

fn read_reason(row: &Row<'_>) -> rusqlite::Result<Option<HealthReason>> {
    optional(row, "code", |row, column| {
        Ok(HealthReason {
            code: parsed(row, column, VerdictCode::parse)?,
            decided_by: sql_enum(row, "decided_by")?,
        })
    })
}

pub(crate) fn write(
    connection: &Connection,
    scope: &HealthScope,
    health: &Health,
) -> rusqlite::Result<()> {
    let (kind, subject, class) = scope_columns(scope);
    let (state, since, cooldown) = match health {
        Health::Ready => {
            connection.execute(
                "DELETE FROM health WHERE (kind, subject, class) = (?1, ?2, ?3)",
                (kind, subject, class),
            )?;
            return Ok(());
        }
        Health::Cooldown(cooldown) => ("cooldown", cooldown.since, Some(cooldown)),
        Health::Blocked { since, .. } => ("blocked", *since, None),
        Health::Dead { since, .. } => ("dead", *since, None),
        Health::Drained { since } => ("drained", *since, None),
    };
    let reason = health.reason();
    connection.prepare_cached(
        "INSERT OR REPLACE INTO health (kind, subject, class, state, since, code, decided_by, schedule, until, time_source,
                                           failures, probed_at)
         VALUES (:kind, :subject, :class, :state, :since, :code, :decided_by, :schedule, :until, :time_source, :failures, :probed_at)",
    )?
    .execute(named_params! {
        ":kind": kind,
        ":subject": &subject,
        ":class": &class,
        ":state": state,
        ":since": micros(since),
        ":code": reason.map(|reason| reason.code.name()),
        ":decided_by": reason.map(|reason| reason.decided_by.word()),
        ":schedule": cooldown.map(|cooldown| cooldown.schedule.word()),
        ":until": cooldown.map(|cooldown| micros(cooldown.until)),
        ":time_source": cooldown.map(|cooldown| cooldown.time_source.word()),
        ":failures": cooldown.map_or(0, |cooldown| cooldown.failures),
        ":probed_at": cooldown.and_then(|cooldown| cooldown.probed_at).map(micros),
    })?;
    if class.is_empty() {
        Ok(())
    } else {
        evict_classes(connection, kind, &subject)
    }
}

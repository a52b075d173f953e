//! Standings: what answers and people left behind of each scope, and which organization a profile belongs to.
//!
//! Invariants: a change is computed from the row as it is in the transaction that writes it, so that no two changes lose
//! one another, in however many processes; nothing is written where nothing changed; a scope that is ready has no row.

use std::collections::HashMap;

use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::{Organization, RequestClass, Rest, Scope, Standing, Why};
use keyreeve_core::verdict::Code;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};
use uuid::Uuid;

use crate::columns::{instant, maybe_instant, maybe_word, micros, parsed, unreadable, uuid, word};
use crate::words::Word as _;
use crate::{Result, Store, limits};

/// Every scope that is not ready, and the organizations of profiles, read in one transaction.
#[derive(Debug, Default)]
pub struct Standings {
    standings: HashMap<Scope, Standing>,
    organizations: HashMap<ProfileId, Organization>,
}

/// A standing before and after a change. The two are equal where nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changed {
    /// As it was.
    pub before: Standing,
    /// As it is.
    pub after: Standing,
}

impl Standings {
    /// The standing of a scope.
    pub fn of(&self, scope: &Scope) -> Standing {
        self.standings.get(scope).copied().unwrap_or_default()
    }

    /// Whether every scope is ready.
    pub fn all_ready(&self) -> bool {
        self.standings.is_empty()
    }

    /// Every scope that is not ready, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &Standing)> {
        self.standings.iter()
    }

    /// The organization that a profile's answers named last.
    pub fn organization(&self, profile: ProfileId) -> Option<&Organization> {
        self.organizations.get(&profile)
    }

    pub(crate) fn read(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare("SELECT * FROM standings")?;
        let standings = statement.query_map([], |row| Ok((read_scope(row)?, read_row(row)?)))?;
        let mut statement = connection.prepare("SELECT * FROM organizations")?;
        let organizations = statement.query_map([], |row| {
            let organization = parsed(row, "organization", |text| text.parse().ok())?;
            Ok((ProfileId(uuid(row, "profile")?), organization))
        })?;
        Ok(Self {
            standings: standings.collect::<rusqlite::Result<_>>()?,
            organizations: organizations.collect::<rusqlite::Result<_>>()?,
        })
    }
}

impl Store {
    /// Changes the standing of a scope: `step` gets it as it is and gives it as it shall be.
    ///
    /// # Errors
    /// When it cannot be committed.
    pub fn update_standing(
        &self,
        scope: &Scope,
        step: impl FnOnce(Standing) -> Standing + Send + 'static,
    ) -> Result<Changed> {
        let scope = scope.clone();
        self.writer
            .apart(move |connection| swap(connection, &scope, step))
    }

    /// The same, without waiting: `done` is called from the writer's thread and must not wait for the store. It is
    /// dropped uncalled where the store is closed.
    ///
    /// # Errors
    /// When the store is closed.
    pub fn queue_standing(
        &self,
        scope: Scope,
        step: impl FnOnce(Standing) -> Standing + Send + 'static,
        done: impl FnOnce(Result<Changed>) + Send + 'static,
    ) -> Result<()> {
        self.writer.queue_apart(move |connection| {
            done(connection.and_then(|connection| swap(connection, &scope, step)));
        })
    }

    /// Remembers the organization that a profile's answers name, without waiting.
    ///
    /// # Errors
    /// When the store is closed.
    pub fn queue_organization(&self, profile: ProfileId, organization: Organization) -> Result<()> {
        self.writer.queue_apart(move |connection| {
            // What is not remembered now the next answer names again.
            connection
                .and_then(|connection| remember(connection, profile, &organization))
                .ok();
        })
    }
}

/// Forgets what answers said of a profile's own credential, because it is another one now; a drain stays.
pub(crate) fn forget_credential(to: &Connection, profile: ProfileId) -> rusqlite::Result<()> {
    to.execute(
        "DELETE FROM standings WHERE kind = 'credential' AND subject = ?1 AND code IS NOT NULL",
        [profile.to_string()],
    )?;
    limits::forget(to, profile)?;
    to.execute(
        "DELETE FROM organizations WHERE profile = ?1",
        [profile.0.into_bytes()],
    )?;
    note_change(to)
}

/// Forgets a profile that is removed.
pub(crate) fn forget_profile(to: &Connection, profile: ProfileId) -> rusqlite::Result<()> {
    forget_credential(to, profile)?;
    to.execute(
        "DELETE FROM standings WHERE kind = 'credential' AND subject = ?1",
        [profile.to_string()],
    )?;
    Ok(())
}

fn swap(
    connection: &mut Connection,
    scope: &Scope,
    step: impl FnOnce(Standing) -> Standing,
) -> Result<Changed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = find(&transaction, scope)?;
    let after = step(before);
    if before != after {
        write(&transaction, scope, &after)?;
        note_change(&transaction)?;
        transaction.commit()?;
    }
    Ok(Changed { before, after })
}

fn remember(
    connection: &mut Connection,
    profile: ProfileId,
    organization: &Organization,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let changed = transaction.execute(
        "INSERT INTO organizations (profile, organization) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET organization = excluded.organization
         WHERE organization IS NOT excluded.organization",
        (profile.0.into_bytes(), organization.to_string()),
    )?;
    if changed > 0 {
        note_change(&transaction)?;
        transaction.commit()?;
    }
    Ok(())
}

fn note_change(to: &Connection) -> rusqlite::Result<()> {
    to.execute(
        "UPDATE meta SET standings_generation = standings_generation + 1",
        [],
    )?;
    Ok(())
}

/// How many classes of requests of one profile or organization are told apart: which models there are is what clients say.
const MOST_CLASSES: i64 = 64;

/// Forgets what would be over first of the classes beyond [`MOST_CLASSES`]: at the worst it is asked once more.
fn bound(to: &Connection, kind: &str, subject: &str) -> rusqlite::Result<()> {
    to.prepare_cached(
        "DELETE FROM standings WHERE (kind, subject) = (?1, ?2) AND class IN (
             SELECT class FROM standings WHERE (kind, subject) = (?1, ?2) AND class <> ''
             ORDER BY coalesce(until, since) DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute((kind, subject, MOST_CLASSES))?;
    Ok(())
}

/// A scope as the columns `kind`, `subject` and `class` have it.
fn columns(scope: &Scope) -> (&'static str, String, String) {
    match scope {
        Scope::Credential(profile) => ("credential", profile.to_string(), String::new()),
        Scope::CredentialClass(profile, class) => {
            ("credential", profile.to_string(), class.to_string())
        }
        Scope::Organization(organization) => {
            ("organization", organization.to_string(), String::new())
        }
        Scope::OrganizationClass(organization, class) => {
            ("organization", organization.to_string(), class.to_string())
        }
    }
}

fn read_scope(row: &Row<'_>) -> rusqlite::Result<Scope> {
    let class: String = row.get("class")?;
    let class: Option<RequestClass> = if class.is_empty() {
        None
    } else {
        let class = class.parse();
        Some(class.map_err(|_| unreadable("class", Type::Text))?)
    };
    let kind: String = row.get("kind")?;
    if kind == "organization" {
        let organization: Organization = parsed(row, "subject", |text| text.parse().ok())?;
        return Ok(match class {
            None => Scope::Organization(organization),
            Some(class) => Scope::OrganizationClass(organization, class),
        });
    }
    let profile = parsed(row, "subject", |text| Uuid::try_parse(text).ok())?;
    let profile = ProfileId(profile);
    Ok(match class {
        None => Scope::Credential(profile),
        Some(class) => Scope::CredentialClass(profile, class),
    })
}

fn find(connection: &Connection, scope: &Scope) -> Result<Standing> {
    let found = connection
        .prepare_cached("SELECT * FROM standings WHERE (kind, subject, class) = (?1, ?2, ?3)")?
        .query_row(columns(scope), read_row)
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Standing> {
    let since = instant(row, "since")?;
    let state: String = row.get("state")?;
    let why = || read_why(row)?.ok_or_else(|| unreadable("code", Type::Null));
    match state.as_str() {
        "resting" => Ok(Standing::Resting(Rest {
            schedule: word(row, "schedule")?,
            why: read_why(row)?,
            since,
            until: instant(row, "until")?,
            time: word(row, "time")?,
            failures: row.get("failures")?,
            probed: maybe_instant(row, "probed")?,
        })),
        "blocked" => Ok(Standing::Blocked { why: why()?, since }),
        "dead" => Ok(Standing::Dead { why: why()?, since }),
        "drained" => Ok(Standing::Drained { since }),
        _ => Err(unreadable("state", Type::Text)),
    }
}

fn read_why(row: &Row<'_>) -> rusqlite::Result<Option<Why>> {
    if row.get::<_, Option<String>>("code")?.is_none() {
        return Ok(None);
    }
    let code = parsed(row, "code", Code::of)?;
    let evidence =
        maybe_word(row, "evidence")?.ok_or_else(|| unreadable("evidence", Type::Null))?;
    Ok(Some(Why { code, evidence }))
}

fn write(to: &Connection, scope: &Scope, standing: &Standing) -> rusqlite::Result<()> {
    let (kind, subject, class) = columns(scope);
    let (state, since, rest) = match standing {
        Standing::Ready => {
            to.execute(
                "DELETE FROM standings WHERE (kind, subject, class) = (?1, ?2, ?3)",
                (kind, subject, class),
            )?;
            return Ok(());
        }
        Standing::Resting(rest) => ("resting", rest.since, Some(rest)),
        Standing::Blocked { since, .. } => ("blocked", *since, None),
        Standing::Dead { since, .. } => ("dead", *since, None),
        Standing::Drained { since } => ("drained", *since, None),
    };
    let why = standing.why();
    to.prepare_cached(
        "INSERT OR REPLACE INTO standings (kind, subject, class, state, since, code, evidence, schedule, until, time,
                                           failures, probed)
         VALUES (:kind, :subject, :class, :state, :since, :code, :evidence, :schedule, :until, :time, :failures, :probed)",
    )?
    .execute(named_params! {
        ":kind": kind,
        ":subject": &subject,
        ":class": &class,
        ":state": state,
        ":since": micros(since),
        ":code": why.map(|why| why.code.name()),
        ":evidence": why.map(|why| why.evidence.word()),
        ":schedule": rest.map(|rest| rest.schedule.word()),
        ":until": rest.map(|rest| micros(rest.until)),
        ":time": rest.map(|rest| rest.time.word()),
        ":failures": rest.map_or(0, |rest| rest.failures),
        ":probed": rest.and_then(|rest| rest.probed).map(micros),
    })?;
    if class.is_empty() {
        Ok(())
    } else {
        bound(to, kind, &subject)
    }
}

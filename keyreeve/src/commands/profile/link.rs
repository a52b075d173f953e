//! `profile link`: one profile of the official SDKs' own that leads them, and Claude Code, to the gateway with a virtual key
//! (docs/facts.md#sdk-profiles).
//!
//! Invariants: only what carries our mark is replaced or removed; the files are regular and ours alone, in each place where
//! a client looks; what is removed opens nothing any more.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::virtual_key::{KeyId, Presented, PublicId};
use keyreeve_os::files::{FileError, Make, SafeDir};
use keyreeve_os::world::now;
use keyreeve_store::{Policy, Store};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::{connect, key};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::wiring::{self, World};
use crate::{places, variables};

/// By this we know what we wrote.
const MARK: &str = "keyreeve profile link";
/// No file of such a profile has more bytes than this.
const LIMIT: usize = 64 * 1024;
const CONFIGS: &str = "configs";
const CREDENTIALS: &str = "credentials";
const VERSION: &str = "1.0";

#[derive(Serialize)]
struct ConfigFile<'a> {
    version: &'static str,
    authentication: Authentication,
    base_url: &'a str,
    made_by: &'static str,
}

/// Without a client id the SDKs never renew it: whoever wrote it does.
#[derive(Serialize)]
struct Authentication {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct CredentialsFile<'a> {
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    access_token: &'a str,
    made_by: &'static str,
}

#[derive(Deserialize)]
struct Marked {
    made_by: Option<String>,
    access_token: Option<String>,
}

#[derive(Serialize)]
struct Linked<'a> {
    sdk_profile: &'a str,
    key: String,
    base_url: &'a str,
    files: &'a [PathBuf],
}

/// What lies under a name.
enum There {
    Nothing,
    /// The secret in it, where it holds one.
    Ours(Option<PublicId>),
    Others,
}

/// Writes the profile, or writes ours anew.
pub(super) fn link(name: &Name, key: Option<&Name>, world: &World) -> Result<(), CommandError> {
    let own = world.places()?;
    let settings = world.settings(&own)?;
    let store = wiring::store(&own, &settings)?;
    let places = places_of(&world.snapshot.environment)?;
    let mut old = Vec::new();
    for (folder, file) in files(&places, name) {
        match there(&folder, &file)? {
            There::Nothing => {}
            There::Ours(secret) => old.push(secret),
            There::Others => return Err(others(&folder.join(file))),
        }
    }
    let base_url = connect::gateway_url(&own, &settings, world);
    let policy = store.policy()?;
    let id = key_for(name, key, &policy, &store)?;
    let minted = wiring::mint()?;
    let at = now();
    store.lend_secret(id, (minted.public_id, minted.hash), (None, at))?;
    let written = write(&places, name, &base_url, &minted.key)?;
    end(&old, &store, at)?;
    let policy = store.policy()?;
    let key = policy.keys().iter().find(|key| key.id == id);
    let key = key.map(|key| key.name.to_string()).unwrap_or_default();
    match world.output.format() {
        Format::Json => world.output.document(&Linked {
            sdk_profile: name.as_str(),
            key,
            base_url: &base_url,
            files: &written,
        })?,
        Format::Human => {
            for file in &written {
                world.output.line(&file.display().to_string())?;
            }
            world.output.note(&format!(
                "the SDKs and Claude Code find the gateway by this profile, with key `{key}`"
            ));
            world.output.note(
                "ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN outrank it: do not set them beside it",
            );
            world
                .output
                .hint(&format!("export {}={name}", variables::SDK_PROFILE));
        }
    }
    Ok(())
}

/// Removes what [`link`] wrote, and ends its secret.
pub(super) fn unlink(name: &Name, world: &World) -> Result<(), CommandError> {
    let places = places_of(&world.snapshot.environment)?;
    let mut ours = Vec::new();
    for (folder, file) in files(&places, name) {
        match there(&folder, &file)? {
            There::Nothing => {}
            There::Ours(secret) => ours.push((folder, file, secret)),
            There::Others => return Err(others(&folder.join(file))),
        }
    }
    if ours.is_empty() {
        return Err(CommandError::new(
            Exit::Failed,
            format!("there is no linked profile `{name}`"),
        )
        .hint(format!("keyreeve profile link {name}")));
    }
    let store = world.store()?;
    let (mut removed, mut secrets) = (Vec::new(), Vec::new());
    for (folder, file, secret) in ours {
        SafeDir::open(&folder, Make::Never)?.remove(&file)?;
        removed.push(folder.join(file));
        secrets.push(secret);
    }
    let at = now();
    end(&secrets, &store, at)?;
    let own = own_key(name)?;
    let policy = store.policy()?;
    let own = policy.keys().iter().find(|key| key.name == own);
    if let Some(key) = own.filter(|key| key.revoked_at.is_none()) {
        store.revoke_key(key.id, at)?;
    }
    world.output.note(&format!(
        "profile `{name}` of the SDKs is gone, and its key opens nothing any more"
    ));
    match world.output.format() {
        Format::Json => world.output.document(&Linked {
            sdk_profile: name.as_str(),
            key: String::new(),
            base_url: "",
            files: &removed,
        })?,
        Format::Human => {}
    }
    Ok(())
}

/// Every directory where one of the clients looks: all of them at the one that is named, else Python at the usual one and
/// TypeScript at the one of the XDG base directory specification.
fn places_of(environment: &Environment) -> Result<Vec<PathBuf>, CommandError> {
    let named = environment.get(variables::SDK_CONFIG_DIR).map(str::trim);
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if named.is_absolute() {
            return Ok(vec![named]);
        }
        return Err(CommandError::new(
            Exit::Configuration,
            format!("{} must be an absolute path", variables::SDK_CONFIG_DIR),
        ));
    }
    let mut all = vec![
        places::user_home(environment)?.join(".config/anthropic"),
        places::user_config(environment)?.join("anthropic"),
    ];
    all.dedup();
    Ok(all)
}

/// The files of a profile: what holds the secret comes first, so that a profile that is found is whole.
fn files(places: &[PathBuf], name: &Name) -> Vec<(PathBuf, String)> {
    let of = |place: &PathBuf| {
        [CREDENTIALS, CONFIGS].map(|folder| (place.join(folder), format!("{name}.json")))
    };
    places.iter().flat_map(of).collect()
}

fn there(folder: &Path, file: &str) -> Result<There, CommandError> {
    let directory = match SafeDir::open(folder, Make::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Ok(There::Nothing),
        Err(error) => return Err(error.into()),
    };
    if !directory.contains(file)? {
        return Ok(There::Nothing);
    }
    // What others can read or write, or what is a link, is not as we wrote it.
    let Ok(bytes) = directory.read(file, LIMIT) else {
        return Ok(There::Others);
    };
    Ok(match serde_json::from_slice::<Marked>(&bytes) {
        Ok(marked) if marked.made_by.as_deref() == Some(MARK) => {
            let token = marked.access_token.map(Zeroizing::new);
            let presented = token.and_then(|token| Presented::parse(&token).ok());
            There::Ours(presented.map(|presented| presented.public_id))
        }
        Ok(_) | Err(_) => There::Others,
    })
}

fn others(path: &Path) -> CommandError {
    CommandError::new(
        Exit::Failed,
        format!("{} is not keyreeve's: it stays as it is", path.display()),
    )
    .hint("keyreeve profile link ANOTHER-NAME --key KEY")
}

fn write(
    places: &[PathBuf],
    name: &Name,
    base_url: &str,
    key: &Secret,
) -> Result<Vec<PathBuf>, CommandError> {
    let config = serde_json::to_vec(&ConfigFile {
        version: VERSION,
        authentication: Authentication { kind: "user_oauth" },
        base_url,
        made_by: MARK,
    })
    .map_err(std::io::Error::from)?;
    let credentials = serde_json::to_vec(&CredentialsFile {
        version: VERSION,
        kind: "oauth_token",
        access_token: key.expose_for(Sink::Client),
        made_by: MARK,
    })
    .map(Zeroizing::new)
    .map_err(std::io::Error::from)?;
    let mut written = Vec::new();
    for (folder, file) in files(places, name) {
        let content = if folder.ends_with(CREDENTIALS) {
            &*credentials
        } else {
            &config
        };
        SafeDir::open(&folder, Make::IfAbsent)?.replace(&file, content)?;
        written.push(folder.join(file));
    }
    Ok(written)
}

/// Ends the secrets that stood in files of ours.
fn end(secrets: &[Option<PublicId>], store: &Store, at: Timestamp) -> Result<(), CommandError> {
    for secret in secrets.iter().flatten() {
        store.end_secret(*secret, at)?;
    }
    Ok(())
}

/// The key whose secret is written: the one that is named, else one for the profile of that name, made on first use.
fn key_for(
    name: &Name,
    named: Option<&Name>,
    policy: &Policy,
    store: &Store,
) -> Result<KeyId, CommandError> {
    if let Some(named) = named {
        return key::usable(key::find(policy, named)?).map(|key| key.id);
    }
    let profile = super::find(policy, name)?;
    if profile.is_plan_login() {
        return Err(key::plan_login(name));
    }
    let own = own_key(name)?;
    let living = policy
        .keys()
        .iter()
        .find(|key| key.name == own && key.revoked_at.is_none());
    if let Some(key) = living {
        if key.profiles == [profile.id] {
            return key::usable(key).map(|key| key.id);
        }
        let why = format!("key `{own}` uses other profiles than `{name}` alone");
        return Err(CommandError::new(Exit::Failed, why)
            .hint(format!("keyreeve profile link {name} --key {own}")));
    }
    key::without_secret(own, profile, store)
}

/// What the key of a linked profile is called, in reports and for `key revoke`.
fn own_key(name: &Name) -> Result<Name, CommandError> {
    format!("sdk-{name}").parse().map_err(|error| {
        CommandError::of(Exit::Failed, &error).hint("keyreeve profile link NAME --key KEY")
    })
}

//! `profile link`: an SDK profile that makes the official SDKs and Claude Code use the gateway with a virtual key
//! (docs/facts.md#sdk-profiles).
//!
//! Invariants: only files with our mark are replaced or removed; the files are regular and private, in every directory in which
//! a client looks; a removed key no longer works.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keyreeve_broker::admin::keys::{self, IfRevoked, find_usable_key};
use keyreeve_broker::admin::profiles::find_profile;
use keyreeve_broker::admin::{AdminError, new_key};
use keyreeve_core::profile::Name;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{KeyId, PresentedKey, PublicId};
use keyreeve_os::environment::Environment;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::running_gateway::gateway_url;
use crate::{dirs, variables};

/// Marks the files we wrote.
const MARK: &str = "keyreeve profile link";
/// Maximum size of a file of an SDK profile.
const MAX_FILE_BYTES: usize = 64 * 1024;
const CONFIGS: &str = "configs";
const CREDENTIALS: &str = "credentials";
const VERSION: &str = "1.0";

#[derive(Serialize)]
struct LinkConfigFile<'a> {
    version: &'static str,
    authentication: LinkAuthentication,
    base_url: &'a str,
    made_by: &'static str,
}

/// Without a client id, the SDKs never refresh the token.
#[derive(Serialize)]
struct LinkAuthentication {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct LinkCredentialsFile<'a> {
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    access_token: &'a str,
    made_by: &'static str,
}

#[derive(Deserialize)]
struct MarkedFile {
    made_by: Option<String>,
    access_token: Option<String>,
}

#[derive(Serialize)]
struct LinkView<'a> {
    sdk_profile: &'a str,
    key: String,
    base_url: &'a str,
    files: &'a [PathBuf],
}

/// A file of an SDK profile.
enum LinkState {
    Absent,
    /// Written by us, with the id of the key in it, if any.
    Ours(Option<PublicId>),
    Foreign,
}

/// Writes the SDK profile, or replaces ours.
pub(super) fn link(name: &Name, key: Option<&Name>, context: &Context) -> Result<(), CommandError> {
    let dirs = context.dirs()?;
    let settings = context.settings(&dirs)?;
    let store = context::open_store(&dirs, &settings)?;
    let sdk_dirs = sdk_dirs(&context.snapshot.environment)?;
    let mut old = Vec::new();
    for (folder, file) in files(&sdk_dirs, name) {
        match read_state(&folder, &file)? {
            LinkState::Absent => {}
            LinkState::Ours(secret) => old.push(secret),
            LinkState::Foreign => return Err(foreign_file(&folder.join(file))),
        }
    }
    let base_url = gateway_url(&dirs, &settings, context);
    let policy = store.policy()?;
    let id = key_for(name, key, &policy, &store)?;
    let new_key = new_key()?;
    let at = now();
    store.add_temporary_secret(id, (new_key.public_id, new_key.hash), (None, at))?;
    let written = write(&sdk_dirs, name, &base_url, &new_key.key)?;
    expire_secrets(&old, &store, at)?;
    let policy = store.policy()?;
    let key = policy.keys().iter().find(|key| key.id == id);
    let key = key.map(|key| key.name.to_string()).unwrap_or_default();
    match context.output.format() {
        Format::Json => context.output.document(&LinkView {
            sdk_profile: name.as_str(),
            key,
            base_url: &base_url,
            files: &written,
        })?,
        Format::Human => {
            for file in &written {
                context.output.line(&file.display().to_string())?;
            }
            context.output.success(&format!(
                "Linked SDK profile `{name}` to the gateway, with key `{key}`"
            ));
            context.output.note(
                "ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN override it: do not set them as well",
            );
            context.output.hint(&format!(
                "Use it: `export {}={name}`",
                variables::SDK_PROFILE
            ));
        }
    }
    Ok(())
}

/// Removes what [`link`] wrote, and expires its key.
pub(super) fn unlink(name: &Name, context: &Context) -> Result<(), CommandError> {
    let sdk_dirs = sdk_dirs(&context.snapshot.environment)?;
    let mut ours = Vec::new();
    for (folder, file) in files(&sdk_dirs, name) {
        match read_state(&folder, &file)? {
            LinkState::Absent => {}
            LinkState::Ours(secret) => ours.push((folder, file, secret)),
            LinkState::Foreign => return Err(foreign_file(&folder.join(file))),
        }
    }
    if ours.is_empty() {
        return Err(
            CommandError::new(Exit::Failed, format!("no SDK profile `{name}` is linked"))
                .fix(format!("keyreeve profile link {name}")),
        );
    }
    let store = context.open_store()?;
    let (mut removed, mut secrets) = (Vec::new(), Vec::new());
    for (folder, file, secret) in ours {
        SafeDir::open(&folder, CreateDir::Never)?.remove(&file)?;
        removed.push(folder.join(file));
        secrets.push(secret);
    }
    let at = now();
    expire_secrets(&secrets, &store, at)?;
    let dedicated = dedicated_name(name)?;
    let policy = store.policy()?;
    let dedicated = policy.keys().iter().find(|key| key.name == dedicated);
    if let Some(key) = dedicated.filter(|key| key.revoked_at.is_none()) {
        store.revoke_key(key.id, at)?;
    }
    context.output.success(&format!(
        "Removed SDK profile `{name}`. Its key no longer works."
    ));
    match context.output.format() {
        Format::Json => context.output.document(&LinkView {
            sdk_profile: name.as_str(),
            key: String::new(),
            base_url: "",
            files: &removed,
        })?,
        Format::Human => {}
    }
    Ok(())
}

/// Returns every directory in which a client looks: the configured one, or else the default of the Python SDK and the XDG
/// directory of the TypeScript SDK.
fn sdk_dirs(environment: &Environment) -> Result<Vec<PathBuf>, CommandError> {
    let configured = environment.get(variables::SDK_CONFIG_DIR).map(str::trim);
    if let Some(configured) = configured.filter(|path| !path.is_empty()) {
        let configured = PathBuf::from(configured);
        if configured.is_absolute() {
            return Ok(vec![configured]);
        }
        return Err(CommandError::new(
            Exit::Configuration,
            format!("{} must be an absolute path", variables::SDK_CONFIG_DIR),
        ));
    }
    let mut all = vec![
        dirs::user_home(environment)?.join(".config/anthropic"),
        dirs::user_config(environment)?.join("anthropic"),
    ];
    all.dedup();
    Ok(all)
}

/// Returns the files of an SDK profile. Those with the key come first, so that a client never finds a profile without its key.
fn files(dirs: &[PathBuf], name: &Name) -> Vec<(PathBuf, String)> {
    let in_dir = |dir: &PathBuf| {
        [CREDENTIALS, CONFIGS].map(|folder| (dir.join(folder), format!("{name}.json")))
    };
    dirs.iter().flat_map(in_dir).collect()
}

fn read_state(folder: &Path, file: &str) -> Result<LinkState, CommandError> {
    let directory = match SafeDir::open(folder, CreateDir::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Ok(LinkState::Absent),
        Err(error) => return Err(error.into()),
    };
    if !directory.contains(file)? {
        return Ok(LinkState::Absent);
    }
    // A file that others can access, or a link, is not as we wrote it.
    let Ok(bytes) = directory.read(file, MAX_FILE_BYTES) else {
        return Ok(LinkState::Foreign);
    };
    Ok(match serde_json::from_slice::<MarkedFile>(&bytes) {
        Ok(marked) if marked.made_by.as_deref() == Some(MARK) => {
            let token = marked.access_token.map(Zeroizing::new);
            let presented = token.and_then(|token| PresentedKey::parse(&token).ok());
            LinkState::Ours(presented.map(|presented| presented.public_id))
        }
        Ok(_) | Err(_) => LinkState::Foreign,
    })
}

fn foreign_file(path: &Path) -> CommandError {
    CommandError::new(
        Exit::Failed,
        format!(
            "{} was not written by keyreeve, so it is left unchanged",
            path.display()
        ),
    )
    .fix("keyreeve profile link ANOTHER-NAME --key KEY")
}

fn write(
    dirs: &[PathBuf],
    name: &Name,
    base_url: &str,
    key: &Secret,
) -> Result<Vec<PathBuf>, CommandError> {
    let config = serde_json::to_vec(&LinkConfigFile {
        version: VERSION,
        authentication: LinkAuthentication { kind: "user_oauth" },
        base_url,
        made_by: MARK,
    })
    .map_err(std::io::Error::from)?;
    let credentials = serde_json::to_vec(&LinkCredentialsFile {
        version: VERSION,
        kind: "oauth_token",
        access_token: key.expose_for(Sink::Client),
        made_by: MARK,
    })
    .map(Zeroizing::new)
    .map_err(std::io::Error::from)?;
    let mut written = Vec::new();
    for (folder, file) in files(dirs, name) {
        let content = if folder.ends_with(CREDENTIALS) {
            &*credentials
        } else {
            &config
        };
        SafeDir::open(&folder, CreateDir::IfMissing)?.replace(&file, content)?;
        written.push(folder.join(file));
    }
    Ok(written)
}

/// Expires the keys that were in our files.
fn expire_secrets(
    secrets: &[Option<PublicId>],
    store: &Store,
    at: Timestamp,
) -> Result<(), CommandError> {
    for secret in secrets.iter().flatten() {
        store.expire_secret(*secret, at)?;
    }
    Ok(())
}

/// Returns the key to write: the named one, or else a dedicated key of the profile of that name, created on first use.
fn key_for(
    name: &Name,
    key: Option<&Name>,
    policy: &Policy,
    store: &Store,
) -> Result<KeyId, CommandError> {
    if let Some(key) = key {
        return Ok(find_usable_key(policy, key)?.id);
    }
    let profile = find_profile(policy, name)?;
    let dedicated = dedicated_name(name)?;
    keys::dedicated(store, profile, &dedicated, IfRevoked::Replace).map_err(|error| match error {
        AdminError::NotDedicated { .. } => {
            CommandError::from(error).fix(format!("keyreeve profile link {name} --key {dedicated}"))
        }
        other => other.into(),
    })
}

/// Returns the name of a linked profile's dedicated key, as in reports and for `key revoke`.
fn dedicated_name(name: &Name) -> Result<Name, CommandError> {
    format!("sdk-{name}").parse().map_err(|error| {
        CommandError::from_error(Exit::Failed, &error).fix("keyreeve profile link NAME --key KEY")
    })
}

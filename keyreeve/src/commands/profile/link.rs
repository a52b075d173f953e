//! `profile link`: an SDK profile that makes the official SDKs and Claude Code use the gateway with a virtual key
//! (docs/facts.md#sdk-profiles).
//!
//! Invariants: only files with our mark are replaced or removed; the files are regular and private, in every directory in which
//! a client looks; a removed key no longer works.

use std::path::{Path, PathBuf};

use keyreeve_broker::admin::AdminError;
use keyreeve_broker::admin::sdk_links::{self, LinkSecret};
use keyreeve_core::profile::Name;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{PresentedKey, PublicId};
use keyreeve_os::environment::Environment;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::snapshot::KeyreeveState;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::output::Line;
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
    /// The file and line of a Console key that Claude Code would use instead.
    overriding_key: Option<String>,
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
            LinkState::Ours(secret) => old.extend(secret),
            LinkState::Foreign => return Err(foreign_file(&folder.join(file))),
        }
    }
    let base_url = gateway_url(&dirs, &settings, context);
    let LinkSecret { key, secret } =
        sdk_links::add(&store, name, key).map_err(|error| link_error(error, name))?;
    let written = write(&sdk_dirs, name, &base_url, &secret)?;
    sdk_links::expire(&store, &old)?;
    let machine = context.gather(&Arguments::default(), KeyreeveState::default());
    let view = LinkView {
        sdk_profile: name.as_str(),
        key: key.to_string(),
        base_url: &base_url,
        files: &written,
        overriding_key: machine
            .stored_key
            .map(|stored| format!("{}:{}", stored.path, stored.line)),
    };
    Ok(context.output.show(&view, linked)?)
}

/// Returns the files that were written, and how to use them.
fn linked(view: &LinkView<'_>) -> Vec<Line> {
    let (name, key) = (view.sdk_profile, &view.key);
    let files = view.files.iter();
    let mut lines: Vec<Line> = files
        .map(|file| Line::Data(file.display().to_string()))
        .collect();
    lines.extend([
        Line::Success(format!(
            "Linked SDK profile `{name}` to the gateway, with key `{key}`"
        )),
        Line::Note(
            "ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN override it: do not set them as well"
                .to_owned(),
        ),
        Line::Note(
            "Claude Code also sends this key to https://api.anthropic.com, to ask for its policy limits, where it is \
             worth nothing. `keyreeve exec --gateway` starts Claude Code without that"
                .to_owned(),
        ),
    ]);
    if let Some(place) = &view.overriding_key {
        lines.push(Line::Note(format!(
            "Claude Code would not use it: primaryApiKey in {place} takes its place, and is sent to Anthropic. Keep that \
             key with `keyreeve import claude-code`, then remove it with `claude auth logout`"
        )));
    }
    lines.extend([Line::Hint(format!(
        "Use it: `export {}={name}`",
        variables::SDK_PROFILE
    ))]);
    lines
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
        secrets.extend(secret);
    }
    sdk_links::remove(&store, name, &secrets)?;
    let view = LinkView {
        sdk_profile: name.as_str(),
        key: String::new(),
        base_url: "",
        files: &removed,
        overriding_key: None,
    };
    let text = format!("Removed SDK profile `{name}`. Its key no longer works.");
    Ok(context.output.report(&view, &[Line::Success(text)])?)
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

/// Names the key to use if the one that is dedicated to the profile has other profiles.
fn link_error(error: AdminError, name: &Name) -> CommandError {
    if let AdminError::NotDedicated { key, .. } = &error {
        let fix = format!("keyreeve profile link {name} --key {key}");
        return CommandError::from(error).fix(fix);
    }
    error.into()
}

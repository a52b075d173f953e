//! The file of a login that the SDKs and we share: `credentials/<name>.json` (docs/facts.md#sdk-profiles).
//!
//! Invariants: it is read strictly and replaced whole, synced, 0600; what we do not know in it stays; a renewed login is in
//! it before its access token is used, and only whoever holds the lock beside it writes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::files::{Make, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use zeroize::{Zeroize as _, Zeroizing};

use super::config::LONGEST_FILE;
use super::exchange::Granted;
use super::{Access, SdkProfileError};

/// How long another process is waited for: an exchange takes less, or is given up.
const LOCK_PATIENCE: Duration = Duration::from_secs(40);
/// How often the lock is asked for.
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// The file, in its open directory.
pub(super) struct CredentialsFile {
    folder: SafeDir,
    name: String,
}

/// What is in it.
pub(super) struct Stored {
    fields: Fields,
    pub(super) access: Access,
    pub(super) refresh: Option<Secret>,
}

/// The JSON object as it was read, overwritten when dropped.
struct Fields(Map<String, Value>);

impl Drop for Fields {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl CredentialsFile {
    pub(super) fn open(path: &Path) -> Result<Self, SdkProfileError> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
        else {
            return Err(unreadable(path, "it is no path of a file"));
        };
        Ok(Self {
            folder: SafeDir::open(folder, Make::Never).map_err(SdkProfileError::File)?,
            name: name.to_owned(),
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub(super) fn read(&self) -> Result<Stored, SdkProfileError> {
        let bytes = self.folder.read(&self.name, LONGEST_FILE);
        let bytes = bytes.map_err(SdkProfileError::File)?;
        let path = self.path();
        // What the parser says of a value could be a piece of it.
        let Ok(fields) = serde_json::from_slice(&bytes) else {
            return Err(unreadable(&path, "it is no JSON object"));
        };
        let fields = Fields(fields);
        let text = |field: &str| {
            let text = fields.0.get(field).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
        };
        match fields.0.get("type") {
            None => {}
            Some(kind) if kind == "oauth_token" => {}
            Some(_) => return Err(unreadable(&path, "its `type` is not `oauth_token`")),
        }
        let token = text("access_token")
            .map(Zeroizing::new)
            .ok_or_else(|| unreadable(&path, "it has no `access_token`"))?;
        Ok(Stored {
            access: Access {
                token,
                expires_at: fields.0.get("expires_at").and_then(moment),
            },
            refresh: text("refresh_token").map(Secret::new),
            fields,
        })
    }

    /// Takes the lock that keeps other processes from renewing the same login meanwhile.
    pub(super) async fn lock(&self) -> Result<Lock, SdkProfileError> {
        let name = format!(".{}.lock", self.name);
        let note = format!("process {} (keyreeve)", std::process::id());
        let begun = Instant::now();
        loop {
            match Lock::acquire(&self.folder, &name, &note) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held { holder }) if begun.elapsed() > LOCK_PATIENCE => {
                    return Err(SdkProfileError::Busy(holder));
                }
                Err(LockError::Held { .. }) => sleep(LOCK_PAUSE).await,
                Err(error @ LockError::File(_)) => return Err(SdkProfileError::Lock(error)),
            }
        }
    }

    /// Puts a renewed login in the place of the old one; the caller holds the lock.
    pub(super) fn store(&self, mut old: Stored, new: &Granted) -> Result<(), SdkProfileError> {
        let mut set = |field: &str, value: Value| {
            if let Some(Value::String(mut text)) = old.fields.0.insert(field.to_owned(), value) {
                text.zeroize();
            }
        };
        set("version", "1.0".into());
        set("type", "oauth_token".into());
        set("access_token", new.access.token.as_str().into());
        if let Some(refresh) = &new.refresh {
            set("refresh_token", refresh.expose_for(Sink::LoginFile).into());
        }
        if let Some(expires_at) = new.access.expires_at {
            set("expires_at", expires_at.as_second().into());
        }
        // The buffer never grows, so that no copy is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * LONGEST_FILE));
        if serde_json::to_writer_pretty(&mut *bytes, &old.fields.0).is_err() {
            return Err(unreadable(&self.path(), "it cannot be written again"));
        }
        let replaced = self.folder.replace(&self.name, &bytes);
        replaced.map_err(SdkProfileError::File)
    }
}

/// Unix seconds, whole or not.
fn moment(value: &Value) -> Option<Timestamp> {
    let seconds = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::from_duration(seconds).ok()
}

fn unreadable(path: &Path, what: &str) -> SdkProfileError {
    SdkProfileError::Unreadable {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

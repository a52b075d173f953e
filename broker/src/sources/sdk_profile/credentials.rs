//! The credentials file of a login, shared with the SDKs: `credentials/<name>.json` (docs/facts.md#sdk-profiles).
//!
//! Invariants: it is read only if its permissions are safe, and replaced atomically, synced, 0600; unknown fields are
//! preserved; a renewed login is written before its access token is used, and only while holding the file's lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::files::{CreateDir, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use zeroize::{Zeroize as _, Zeroizing};

use super::config::MAX_FILE_BYTES;
use super::exchange::TokenGrant;
use super::{AccessToken, SdkProfileError};

/// Timeout for the lock: longer than any exchange, which has a timeout, too.
const LOCK_TIMEOUT: Duration = Duration::from_secs(40);
/// Time between two tries to acquire the lock.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// The credentials file, in its open directory.
pub(super) struct SdkCredentialsFile {
    folder: SafeDir,
    name: String,
}

/// The content of the file.
pub(super) struct StoredLogin {
    fields: CredentialFields,
    pub(super) access: AccessToken,
    pub(super) refresh: Option<Secret>,
}

/// The JSON object as it was read, zeroized when dropped.
struct CredentialFields(Map<String, Value>);

impl Drop for CredentialFields {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl SdkCredentialsFile {
    pub(super) fn open(path: &Path) -> Result<Self, SdkProfileError> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
        else {
            return Err(SdkProfileError::invalid_file(
                path,
                "not the path of a file",
            ));
        };
        Ok(Self {
            folder: SafeDir::open(folder, CreateDir::Never).map_err(SdkProfileError::File)?,
            name: name.to_owned(),
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub(super) fn read(&self) -> Result<StoredLogin, SdkProfileError> {
        let bytes = self.folder.read(&self.name, MAX_FILE_BYTES);
        let bytes = bytes.map_err(SdkProfileError::File)?;
        let path = self.path();
        let invalid_file = |what| SdkProfileError::invalid_file(&path, what);
        // The parser's error could contain a part of a value.
        let Ok(fields) = serde_json::from_slice(&bytes) else {
            return Err(invalid_file("not a JSON object"));
        };
        let fields = CredentialFields(fields);
        let text = |field: &str| {
            let text = fields.0.get(field).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
        };
        match fields.0.get("type") {
            None => {}
            Some(kind) if kind == "oauth_token" => {}
            Some(_) => return Err(invalid_file("`type` is not `oauth_token`")),
        }
        let token = text("access_token")
            .map(Zeroizing::new)
            .ok_or_else(|| invalid_file("`access_token` is missing"))?;
        Ok(StoredLogin {
            access: AccessToken {
                token,
                expires_at: fields.0.get("expires_at").and_then(parse_timestamp),
            },
            refresh: text("refresh_token").map(Secret::new),
            fields,
        })
    }

    /// Acquires the lock that prevents other processes from renewing the same login at the same time.
    pub(super) async fn lock(&self) -> Result<Lock, SdkProfileError> {
        let name = format!(".{}.lock", self.name);
        let note = format!("process {} (keyreeve)", std::process::id());
        let started = Instant::now();
        loop {
            match Lock::acquire(&self.folder, &name, &note) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held { holder }) if started.elapsed() > LOCK_TIMEOUT => {
                    return Err(SdkProfileError::Busy(holder));
                }
                Err(LockError::Held { .. }) => sleep(LOCK_RETRY_INTERVAL).await,
                Err(error @ LockError::File(_)) => return Err(SdkProfileError::Lock(error)),
            }
        }
    }

    /// Replaces the login by the renewed one. The caller holds the lock.
    pub(super) fn store(
        &self,
        mut old: StoredLogin,
        new: &TokenGrant,
    ) -> Result<(), SdkProfileError> {
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
        // The buffer never grows, so that no copy remains in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
        if serde_json::to_writer_pretty(&mut *bytes, &old.fields.0).is_err() {
            return Err(SdkProfileError::invalid_file(
                &self.path(),
                "it cannot be serialized",
            ));
        }
        let result = self.folder.replace(&self.name, &bytes);
        result.map_err(SdkProfileError::File)
    }
}

/// Parses Unix seconds, with or without a fraction.
fn parse_timestamp(value: &Value) -> Option<Timestamp> {
    let seconds = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::from_duration(seconds).ok()
}

//! Renewing: one at a time in this process and, for a login, on this machine.
//!
//! Invariants: a renewal runs to its end whoever stops waiting for it, since a refresh token is good once and its successor
//! must be kept; before anything is asked it looks whether somebody else has renewed meanwhile.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyreeve_core::inert::inert_line;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::renewal::{Due, due};
use keyreeve_core::secret::{Fingerprint, Secret};
use keyreeve_os::files::{self, FileError};
use keyreeve_os::world;
use zeroize::Zeroizing;

use super::config::{Federation, Identity};
use super::credentials::{CredentialsFile, Stored};
use super::exchange::{self, Grant, Granted, Refused, Said};
use super::{Access, SdkProfileError, Slot};
use crate::Broker;

/// The longest identity token taken, in bytes (docs/facts.md#sdk-profiles).
const LONGEST_IDENTITY: usize = 16 * 1024;

/// What is to be renewed.
pub(super) enum Job {
    /// A token for an identity token.
    Federation(Federation),
    /// A login in its file.
    Login {
        client_id: String,
        credentials: PathBuf,
    },
}

/// Everything a renewal needs, in its own hands.
pub(super) struct Renewal {
    pub(super) broker: Arc<Broker>,
    pub(super) slot: Arc<Slot>,
    pub(super) profile: Profile,
    pub(super) name: Name,
    pub(super) job: Job,
    /// The token because of which it is done.
    pub(super) instead_of: Option<Fingerprint>,
}

impl Renewal {
    /// Renews, unless somebody has meanwhile. The caller holds the slot's turn.
    pub(super) async fn run(&self) -> Result<Access, SdkProfileError> {
        match &self.job {
            Job::Federation(rules) => self.exchange(rules).await,
            Job::Login {
                client_id,
                credentials,
            } => self.refresh(client_id, credentials).await,
        }
    }

    async fn exchange(&self, rules: &Federation) -> Result<Access, SdkProfileError> {
        let kept = self.slot.minted_by(rules).filter(|kept| self.serves(kept));
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let assertion = self.identity(&rules.identity)?;
        let grant = Grant::Federation {
            rules,
            assertion: &assertion,
        };
        match self.ask(&grant).await? {
            Said::Granted(Granted { access, .. }) => {
                self.slot.keep(rules, access.copy());
                Ok(access)
            }
            Said::Refused(Refused {
                status: 401, told, ..
            }) => Err(SdkProfileError::RuleRefused { told }),
            Said::Refused(Refused { status, told, .. }) => {
                Err(SdkProfileError::Refused { status, told })
            }
        }
    }

    async fn refresh(&self, client_id: &str, path: &Path) -> Result<Access, SdkProfileError> {
        let file = CredentialsFile::open(path)?;
        let _lock = file.lock().await?;
        let stored = file.read()?;
        if self.serves(&stored.access) {
            return Ok(stored.access);
        }
        let Stored {
            refresh: Some(token),
            ..
        } = &stored
        else {
            let name = self.name.to_string();
            return Err(SdkProfileError::Expired { name });
        };
        match self.ask(&Grant::Refresh { token, client_id }).await? {
            Said::Granted(granted) => {
                file.store(stored, &granted)?;
                Ok(granted.access)
            }
            Said::Refused(refused) => self.after_refusal(&file, refused),
        }
    }

    /// The SDKs know nothing of our lock: what looks like the end of a login may be that one of them was faster.
    fn after_refusal(
        &self,
        file: &CredentialsFile,
        refused: Refused,
    ) -> Result<Access, SdkProfileError> {
        let Refused {
            status,
            error,
            told,
        } = refused;
        if error != "invalid_grant" {
            return Err(SdkProfileError::Refused { status, told });
        }
        match file.read() {
            Ok(stored) if self.serves(&stored.access) => Ok(stored.access),
            Ok(_) | Err(_) => Err(SdkProfileError::LoggedOut {
                name: self.name.to_string(),
                told,
            }),
        }
    }

    async fn ask(&self, grant: &Grant<'_>) -> Result<Said, SdkProfileError> {
        exchange::ask(&self.broker.upstream, &self.profile.base_url, grant).await
    }

    /// Whether this is another token than the one that was not good enough, and good enough itself.
    fn serves(&self, access: &Access) -> bool {
        let is_another = self.instead_of != Some(access.fingerprint());
        is_another && due(access.expires_at, world::now()) != Due::Now
    }

    /// The identity token as it is now: whoever issues it rotates it.
    fn identity(&self, identity: &Identity) -> Result<Secret, SdkProfileError> {
        let text = match identity {
            Identity::Variable => {
                let variable = self.broker.environment.get("ANTHROPIC_IDENTITY_TOKEN");
                Zeroizing::new(variable.unwrap_or_default().to_owned())
            }
            Identity::File(path) => read_identity(path)?,
        };
        let text = text.trim();
        let what = if text.is_empty() {
            "is empty"
        } else if text.len() > LONGEST_IDENTITY {
            "is longer than 16 KiB"
        } else if !text.bytes().all(|c| c.is_ascii_graphic()) {
            "has characters that no JWT has"
        } else {
            return Ok(Secret::new(text.to_owned()));
        };
        Err(SdkProfileError::Identity {
            what: what.to_owned(),
            source: None,
        })
    }
}

/// Reads an identity token. Whoever rotates it owns it, and a mounted one is a link.
fn read_identity(path: &Path) -> Result<Zeroizing<String>, SdkProfileError> {
    let unread = |source: FileError| SdkProfileError::Identity {
        what: format!(
            "cannot be read from {}",
            inert_line(&path.display().to_string(), 400)
        ),
        source: Some(source),
    };
    let file = files::open_anywhere(path).map_err(unread)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_IDENTITY + 2));
    let read = file
        .take(LONGEST_IDENTITY as u64 + 2)
        .read_to_end(&mut bytes);
    read.map_err(|source| {
        unread(FileError::System {
            doing: "read",
            path: path.to_owned(),
            source,
        })
    })?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(SdkProfileError::Identity {
            what: "is no text".to_owned(),
            source: None,
        }),
    }
}

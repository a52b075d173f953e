//! Renewal (refresh) of tokens: one at a time in this process and, for a login, on this machine.
//!
//! Invariants: a renewal runs to its end even if its caller is canceled, since a refresh token works once and its
//! successor must be saved; before it sends a request, it checks whether another task or process has already renewed
//! the token.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::renewal::{RenewalNeed, renewal_need};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::secret::{Fingerprint, Secret};
use keyreeve_os::files::{self, FileError};
use keyreeve_os::system;
use zeroize::Zeroizing;

use super::config::{FederationRule, IdentitySource};
use super::credentials::{SdkCredentialsFile, StoredLogin};
use super::exchange::{self, GrantRequest, TokenGrant, TokenRefusal, TokenResponse};
use super::{AccessToken, SdkProfileError, TokenSlot};
use crate::Broker;

/// Maximum length of an identity token in bytes (docs/facts.md#sdk-profiles).
const MAX_IDENTITY_TOKEN_BYTES: usize = 16 * 1024;

/// The method of a renewal.
pub(super) enum RenewalMethod {
    /// Exchange of an identity token.
    Federation(FederationRule),
    /// Refresh of a login in its credentials file.
    Login {
        client_id: String,
        credentials: PathBuf,
    },
}

/// A renewal, which owns everything it needs.
pub(super) struct Renewal {
    pub(super) broker: Arc<Broker>,
    pub(super) slot: Arc<TokenSlot>,
    pub(super) profile: Profile,
    pub(super) name: Name,
    pub(super) method: RenewalMethod,
    /// Fingerprint of the token to replace.
    pub(super) replaces: Option<Fingerprint>,
}

impl Renewal {
    /// Renews, unless another task or process did meanwhile. The caller holds the slot's renewal lock.
    pub(super) async fn run(&self) -> Result<AccessToken, SdkProfileError> {
        match &self.method {
            RenewalMethod::Federation(rule) => self.exchange(rule).await,
            RenewalMethod::Login {
                client_id,
                credentials,
            } => self.refresh(client_id, credentials).await,
        }
    }

    async fn exchange(&self, rule: &FederationRule) -> Result<AccessToken, SdkProfileError> {
        let current = self
            .slot
            .exchanged_with(rule)
            .filter(|current| self.is_fresh(current));
        if let Some(current) = current {
            return Ok(current);
        }
        let assertion = self.identity_token(&rule.identity)?;
        let grant = GrantRequest::Federation {
            rule,
            assertion: &assertion,
        };
        match self.request_token(&grant).await? {
            TokenResponse::Granted(TokenGrant { access, .. }) => {
                self.slot.set_exchanged(rule, access.copy());
                Ok(access)
            }
            TokenResponse::Refused(TokenRefusal {
                status: 401,
                message,
                ..
            }) => Err(SdkProfileError::RuleRefused { message }),
            TokenResponse::Refused(TokenRefusal {
                status, message, ..
            }) => Err(SdkProfileError::Refused { status, message }),
        }
    }

    async fn refresh(&self, client_id: &str, path: &Path) -> Result<AccessToken, SdkProfileError> {
        let file = SdkCredentialsFile::open(path)?;
        let _lock = file.lock().await?;
        let stored = file.read()?;
        if self.is_fresh(&stored.access) {
            return Ok(stored.access);
        }
        let StoredLogin {
            refresh: Some(token),
            ..
        } = &stored
        else {
            let name = self.name.to_string();
            return Err(SdkProfileError::Expired { name });
        };
        match self
            .request_token(&GrantRequest::Refresh { token, client_id })
            .await?
        {
            TokenResponse::Granted(grant) => {
                file.store(stored, &grant)?;
                Ok(grant.access)
            }
            TokenResponse::Refused(refusal) => self.handle_refusal(&file, refusal),
        }
    }

    /// Handles an error response. The SDKs do not use our lock: an invalid refresh token may mean that one of them was
    /// faster.
    fn handle_refusal(
        &self,
        file: &SdkCredentialsFile,
        refusal: TokenRefusal,
    ) -> Result<AccessToken, SdkProfileError> {
        let TokenRefusal {
            status,
            error,
            message,
        } = refusal;
        if error != "invalid_grant" {
            return Err(SdkProfileError::Refused { status, message });
        }
        match file.read() {
            Ok(stored) if self.is_fresh(&stored.access) => Ok(stored.access),
            Ok(_) | Err(_) => Err(SdkProfileError::LoggedOut {
                name: self.name.to_string(),
                message,
            }),
        }
    }

    async fn request_token(
        &self,
        grant: &GrantRequest<'_>,
    ) -> Result<TokenResponse, SdkProfileError> {
        exchange::request_token(&self.broker.upstream, &self.profile.base_url, grant).await
    }

    /// Returns `true` if this is not the token to replace, and needs no renewal itself.
    fn is_fresh(&self, access: &AccessToken) -> bool {
        let is_other = self.replaces != Some(access.fingerprint());
        is_other && renewal_need(access.expires_at, system::now()) != RenewalNeed::Now
    }

    /// Reads the identity token again each time, because its issuer rotates it.
    fn identity_token(&self, identity: &IdentitySource) -> Result<Secret, SdkProfileError> {
        let text = match identity {
            IdentitySource::Variable => {
                let variable = self.broker.environment.get("ANTHROPIC_IDENTITY_TOKEN");
                Zeroizing::new(variable.unwrap_or_default().to_owned())
            }
            IdentitySource::File(path) => read_identity(path)?,
        };
        let text = text.trim();
        let what = if text.is_empty() {
            "is empty"
        } else if text.len() > MAX_IDENTITY_TOKEN_BYTES {
            "is longer than 16 KiB"
        } else if !text.bytes().all(|c| c.is_ascii_graphic()) {
            "contains characters that a JWT cannot have"
        } else {
            return Ok(Secret::new(text.to_owned()));
        };
        Err(SdkProfileError::IdentityToken {
            what: what.to_owned(),
            source: None,
        })
    }
}

/// Reads an identity token. The file may belong to another user, who rotates it, and may be a symbolic link if mounted.
fn read_identity(path: &Path) -> Result<Zeroizing<String>, SdkProfileError> {
    let read_error = |source: FileError| SdkProfileError::IdentityToken {
        what: format!(
            "cannot be read from {}",
            sanitize_line(&path.display().to_string(), 400)
        ),
        source: Some(source),
    };
    let file = files::open_anywhere(path).map_err(read_error)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_IDENTITY_TOKEN_BYTES + 2));
    let read = file
        .take(MAX_IDENTITY_TOKEN_BYTES as u64 + 2)
        .read_to_end(&mut bytes);
    read.map_err(|source| {
        read_error(FileError::System {
            action: "read",
            path: path.to_owned(),
            source,
        })
    })?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(SdkProfileError::IdentityToken {
            what: "is not UTF-8 text".to_owned(),
            source: None,
        }),
    }
}

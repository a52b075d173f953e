//! Setup of `serve --sandbox`: the simulated API, a profile for it, and a key that may use the profile.
//!
//! Invariants: only entries marked as simulated are changed; each start gives the key a new secret, because the last one is
//! not stored.

use jiff::Timestamp;
use keyreeve_broker::admin::{new_id, new_key, random_bytes};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Name, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use keyreeve_os::system::now;
use keyreeve_sandbox::Sandbox;
use keyreeve_store::Store;

use crate::error::{CommandError, Exit};
use crate::sandbox;

/// Name of the profile and the key.
const NAME: &str = "sandbox";

/// The simulated API, bound, and a key that may use it.
pub(super) struct SandboxSetup {
    pub(super) sandbox: Sandbox,
    pub(super) base_url: BaseUrl,
    pub(super) key: Secret,
}

impl SandboxSetup {
    /// Binds the sandbox, on its previous port if that is free, and prepares the profile and the key.
    ///
    /// # Errors
    /// If the user has a real profile or key named `sandbox`, a port is taken, or the store fails.
    pub(super) async fn prepare(port: u16, store: &Store) -> Result<Self, CommandError> {
        let name: Name = NAME
            .parse()
            .map_err(|error| CommandError::from_error(Exit::Failed, &error))?;
        let policy = store.policy()?;
        let profile = policy
            .profiles()
            .iter()
            .find(|profile| profile.name == name);
        let key = policy
            .keys()
            .iter()
            .find(|key| key.name == name && key.revoked_at.is_none());
        check_names_free(profile, key)?;
        let sandbox = bind(port, profile).await?;
        let base_url = BaseUrl::parse(
            &format!("http://{}", sandbox.addr()),
            PlainHttp::LoopbackOnly,
        )
        .map_err(|error| CommandError::from_error(Exit::Failed, &error))?;
        let entries = SandboxEntries {
            name,
            base_url: &base_url,
            store,
        };
        let profile = entries.profile(profile)?;
        let key = entries.key(profile, key)?;
        Ok(Self {
            sandbox,
            base_url,
            key,
        })
    }
}

struct SandboxEntries<'a> {
    name: Name,
    base_url: &'a BaseUrl,
    store: &'a Store,
}

impl SandboxEntries<'_> {
    /// Returns the profile. A profile's origin never changes, so it is replaced if the sandbox has another port now.
    fn profile(&self, old: Option<&Profile>) -> Result<ProfileId, CommandError> {
        match old {
            Some(old) if old.base_url == *self.base_url => return Ok(old.id),
            Some(old) => self.store.remove_profile(old.id)?,
            None => {}
        }
        let profile = Profile {
            id: ProfileId(new_id()?),
            name: self.name.clone(),
            source: Source::Sealed,
            base_url: self.base_url.clone(),
            auth: Auth::ApiKey,
            provenance: Provenance::Console,
            billing: BillingClass::Metered,
            family: Some(Family::ApiKey),
            hint: Some("simulated".to_owned()),
            secret_exposure: SecretExposure::RequestsOnly,
            simulated: true,
            expires_at: None,
            created_at: now(),
            rotated_at: None,
        };
        self.store
            .add_profile(&profile, Some(&generated_credential()?))?;
        Ok(profile.id)
    }

    fn key(&self, profile: ProfileId, old: Option<&VirtualKey>) -> Result<Secret, CommandError> {
        let new_key = new_key()?;
        let at = now();
        match old {
            Some(old) if old.profiles == [profile] && is_usable(old, at) => {
                self.store
                    .rotate_key(old.id, (new_key.public_id, new_key.hash), at)?;
                return Ok(new_key.key);
            }
            Some(old) => self.store.revoke_key(old.id, at)?,
            None => {}
        }
        let key = VirtualKey {
            id: KeyId(new_id()?),
            name: self.name.clone(),
            profiles: vec![profile],
            billing: Some(BillingClass::Metered),
            strategy: Strategy::default(),
            allow_billing: Vec::new(),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: None,
            revoked_at: None,
            created_at: at,
            simulated: true,
        };
        self.store.add_key(&key, new_key.public_id, new_key.hash)?;
        Ok(new_key.key)
    }
}

fn is_usable(key: &VirtualKey, at: Timestamp) -> bool {
    key.expires_at.is_none_or(|end| end > at)
}

fn check_names_free(
    profile: Option<&Profile>,
    key: Option<&VirtualKey>,
) -> Result<(), CommandError> {
    let name_taken = |kind: &str| {
        CommandError::new(
            Exit::Failed,
            format!("`--sandbox` needs the name `{NAME}`, which one of your {kind}s has"),
        )
    };
    match (profile, key) {
        (Some(profile), _) if !profile.simulated => {
            Err(name_taken("profile").fix(format!("keyreeve profile rename {NAME} NEW-NAME")))
        }
        (_, Some(key)) if !key.simulated => {
            Err(name_taken("key").fix(format!("keyreeve key revoke {NAME}")))
        }
        _ => Ok(()),
    }
}

/// Binds the given port, else the previous one, so that the profile can stay, else a free one.
async fn bind(port: u16, profile: Option<&Profile>) -> Result<Sandbox, CommandError> {
    if port == 0
        && let Some(profile) = profile
    {
        let last = sandbox::bind(profile.base_url.origin().port()).await;
        if last.is_ok() {
            return last;
        }
    }
    sandbox::bind(port).await
}

/// Generates a credential in the form of an API key, which only the sandbox accepts.
fn generated_credential() -> Result<Secret, CommandError> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let body = random_bytes::<93>()?.map(|byte| char::from(ALPHABET[usize::from(byte % 64)]));
    Ok(Secret::new(
        ["sk-ant-", "api03-"]
            .into_iter()
            .map(str::to_owned)
            .chain(body.map(String::from))
            .collect::<String>()
            + "AA",
    ))
}

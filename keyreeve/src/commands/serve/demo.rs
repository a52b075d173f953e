//! What `serve --sandbox` needs on any machine: the simulated API, a profile that leads to it and a key that may use it.
//!
//! Invariants: only what is marked as simulated is changed; each start gives the key a new secret, since nobody remembers
//! the last one.

use jiff::Timestamp;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Handing, Name, Profile, ProfileId, Provenance, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use keyreeve_os::world::now;
use keyreeve_sandbox::Sandbox;
use keyreeve_store::Store;

use crate::commands::sandbox;
use crate::error::{CommandError, Exit};
use crate::wiring::{self, random};

/// What profile and key are called.
const NAME: &str = "sandbox";

/// The simulated API, bound, and the key that leads to it.
pub(super) struct Demo {
    pub(super) sandbox: Sandbox,
    pub(super) base_url: BaseUrl,
    pub(super) key: Secret,
}

impl Demo {
    /// Binds the sandbox, at its last port where that is free, and makes profile and key ready.
    ///
    /// # Errors
    /// Where a profile or key named `sandbox` is a person's own, a port is taken, or the store fails.
    pub(super) async fn prepare(port: u16, store: &Store) -> Result<Self, CommandError> {
        let name: Name = NAME
            .parse()
            .map_err(|error| CommandError::of(Exit::Failed, &error))?;
        let policy = store.policy()?;
        let profile = policy
            .profiles()
            .iter()
            .find(|profile| profile.name == name);
        let key = policy
            .keys()
            .iter()
            .find(|key| key.name == name && key.revoked_at.is_none());
        refuse_a_persons_own(profile, key)?;
        let sandbox = bind(port, profile).await?;
        let base_url = BaseUrl::parse(
            &format!("http://{}", sandbox.addr()),
            PlainHttp::LoopbackOnly,
        )
        .map_err(|refused| CommandError::of(Exit::Failed, &refused))?;
        let ready = Preparation {
            name,
            base_url: &base_url,
            store,
        };
        let profile = ready.profile(profile)?;
        let key = ready.key(profile, key)?;
        Ok(Self {
            sandbox,
            base_url,
            key,
        })
    }
}

struct Preparation<'a> {
    name: Name,
    base_url: &'a BaseUrl,
    store: &'a Store,
}

impl Preparation<'_> {
    /// A profile is bound to its origin for good: where the sandbox has another port now, a new one takes its place.
    fn profile(&self, old: Option<&Profile>) -> Result<ProfileId, CommandError> {
        match old {
            Some(old) if old.base_url == *self.base_url => return Ok(old.id),
            Some(old) => self.store.remove_profile(old.id)?,
            None => {}
        }
        let profile = Profile {
            id: ProfileId(wiring::fresh_id()?),
            name: self.name.clone(),
            source: Source::Sealed,
            base_url: self.base_url.clone(),
            auth: Auth::ApiKey,
            provenance: Provenance::Console,
            billing: BillingClass::Metered,
            family: Some(Family::ApiKey),
            hint: Some("made up".to_owned()),
            handing: Handing::Leased,
            simulated: true,
            expires_at: None,
            created_at: now(),
            rotated_at: None,
        };
        self.store
            .add_profile(&profile, Some(&made_up_credential()?))?;
        Ok(profile.id)
    }

    fn key(&self, profile: ProfileId, old: Option<&VirtualKey>) -> Result<Secret, CommandError> {
        let minted = wiring::mint()?;
        let at = now();
        match old {
            Some(old) if old.profiles == [profile] && is_usable(old, at) => {
                self.store
                    .rotate_key(old.id, (minted.public_id, minted.hash), at)?;
                return Ok(minted.key);
            }
            Some(old) => self.store.revoke_key(old.id, at)?,
            None => {}
        }
        let key = VirtualKey {
            id: KeyId(wiring::fresh_id()?),
            name: self.name.clone(),
            profiles: vec![profile],
            billing: Some(BillingClass::Metered),
            strategy: Strategy::default(),
            may_spend: Vec::new(),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: None,
            revoked_at: None,
            created_at: at,
            simulated: true,
        };
        self.store.add_key(&key, minted.public_id, minted.hash)?;
        Ok(minted.key)
    }
}

fn is_usable(key: &VirtualKey, at: Timestamp) -> bool {
    key.expires_at.is_none_or(|end| end > at)
}

fn refuse_a_persons_own(
    profile: Option<&Profile>,
    key: Option<&VirtualKey>,
) -> Result<(), CommandError> {
    let own = |what: &str| {
        CommandError::new(
            Exit::Failed,
            format!("a {what} of your own is named `{NAME}`: --sandbox needs that name"),
        )
    };
    match (profile, key) {
        (Some(profile), _) if !profile.simulated => {
            Err(own("profile").hint(format!("keyreeve profile rename {NAME} NEW-NAME")))
        }
        (_, Some(key)) if !key.simulated => {
            Err(own("key").hint(format!("keyreeve key revoke {NAME}")))
        }
        _ => Ok(()),
    }
}

/// The port that was asked for; else the last one, so that the profile can stay; else a free one.
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

/// A credential in the shape of an API key, which no API but the sandbox knows.
fn made_up_credential() -> Result<Secret, CommandError> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let body = random::<93>()?.map(|byte| char::from(ALPHABET[usize::from(byte % 64)]));
    Ok(Secret::new(
        ["sk-ant-", "api03-"]
            .into_iter()
            .map(str::to_owned)
            .chain(body.map(String::from))
            .collect::<String>()
            + "AA",
    ))
}

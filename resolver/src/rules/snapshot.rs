//! The snapshot: everything that resolution may look at, gathered in advance into one value.
//!
//! Invariant: no value of the environment is ever printed, not even by `Debug`.

use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::binding::Binding;
use keyreeve_core::profile::{Name, Profile, ProfileId};
use keyreeve_core::virtual_key::KeyHash;
use keyreeve_os::environment::Environment;

use crate::rules::claude_code::{
    ApprovedKeys, Login, LoginState, RejectedKeys, SettingsFile, StoredKey,
};
use crate::rules::sdk_store::SdkStore;

/// The state of the machine at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The environment a client would be started with.
    pub environment: Arc<Environment>,
    /// The directory it would be started in, with symbolic links resolved, or `None` if unknown.
    pub directory: Option<String>,
    /// The user's home directory, or `None` if unknown.
    pub home: Option<String>,
    /// The existing settings files of Claude Code, in any order.
    pub settings: Vec<SettingsFile>,
    /// The file that `--settings` names, if it does not exist.
    pub missing_settings: Option<String>,
    /// Claude Code's own login, or `None` if there is no login file.
    pub login: Option<Login>,
    /// The keys that the user rejected in Claude Code; gathered only if it is started in a terminal.
    pub rejected_keys: RejectedKeys,
    /// The keys that the user approved in Claude Code.
    pub approved_keys: ApprovedKeys,
    /// The key that Claude Code stored after a sign-in to the Console.
    pub stored_key: Option<StoredKey>,
    /// Files of Claude Code that exist and whose effect is unknown.
    pub unknown_files: Vec<String>,
    /// The existing directories in which the SDKs look for profiles.
    pub sdk_stores: Vec<SdkStore>,
    /// The files with identity tokens that can be read, or `None` if it was not looked at.
    pub identity_files: Option<Vec<String>>,
    /// keyreeve's own profiles and bindings.
    pub keyreeve: KeyreeveState,
    /// The time of the snapshot.
    pub now: Timestamp,
}

/// The part of keyreeve's own state that resolution needs.
#[derive(Clone, Default, Debug)]
pub struct KeyreeveState {
    /// Every profile.
    pub profiles: Vec<Profile>,
    /// The profile chosen with `profile use`.
    pub default: Option<ProfileId>,
    /// Every directory binding.
    pub bindings: Vec<Binding>,
    /// Every secret of a virtual key that is not revoked.
    pub keys: Vec<OwnKey>,
    /// The profiles and keys whose rows do not verify: something other than keyreeve changed them.
    pub unverified: Vec<UnverifiedRow>,
}

/// A row of the store that does not verify, so that it is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnverifiedRow {
    /// A profile with this name.
    Profile(Name),
    /// A virtual key with this name.
    Key(Name),
}

impl KeyreeveState {
    /// Returns `true` if a profile's row verifies.
    pub fn is_verified(&self, profile: &Name) -> bool {
        !self
            .unverified
            .contains(&UnverifiedRow::Profile(profile.clone()))
    }
}

/// A secret of one of keyreeve's own virtual keys, as its hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnKey {
    /// The hash.
    pub hash: KeyHash,
    /// The profiles that the key may use.
    pub profiles: Vec<ProfileId>,
}

impl Snapshot {
    /// Creates a snapshot in which only these variables are set.
    pub fn from_environment(environment: Environment, now: Timestamp) -> Self {
        Self {
            environment: Arc::new(environment),
            directory: None,
            home: None,
            settings: Vec::new(),
            missing_settings: None,
            login: None,
            rejected_keys: RejectedKeys::default(),
            approved_keys: ApprovedKeys::default(),
            stored_key: None,
            unknown_files: Vec::new(),
            sdk_stores: Vec::new(),
            identity_files: None,
            keyreeve: KeyreeveState::default(),
            now,
        }
    }

    /// Returns `true` if Claude Code has a login of its own.
    pub(crate) fn has_login(&self) -> bool {
        self.login.as_ref().is_some_and(|login| match login.state {
            LoginState::Present { .. } => true,
            LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => false,
        })
    }

    /// Returns `true` if a variable of the environment is set to more than whitespace.
    pub(crate) fn has_value(&self, name: &str) -> bool {
        let value = self.environment.get(name);
        value.is_some_and(|value| !value.trim().is_empty())
    }
}

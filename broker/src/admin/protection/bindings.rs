//! Bindings and profiles that protect a directory, recorded so that they can be undone.

use keyreeve_core::binding::{Binding, Expected};
use keyreeve_core::profile::{Name, ProfileId};
use keyreeve_store::Store;
use uuid::Uuid;

use super::record::{BindingRecord, PayerRecord};
use super::{Protection, ProtectionError};
use crate::admin::bindings::{ExistingDirectory, bind};
use crate::admin::profiles;

/// The payer to bind a directory to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundPayer {
    /// The profile to use there.
    pub profile: Option<Name>,
    /// The expected payer.
    pub expect: Option<Expected>,
}

/// The result of undoing a binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UndoneBinding {
    /// The directory is unbound.
    Unbound(String),
    /// The binding before is back.
    Restored(String),
    /// The user has changed it since, so it is left as it is.
    LeftAlone(String),
}

impl Protection {
    /// Binds a directory and records the binding before. Returns `None` if it is bound so already.
    ///
    /// # Errors
    /// [`ProtectionError`], for an unknown profile among others.
    pub fn bind(
        &mut self,
        store: &Store,
        directory: ExistingDirectory,
        payer: &BoundPayer,
    ) -> Result<Option<Binding>, ProtectionError> {
        let earlier = store.policy()?.bindings().to_vec();
        let (profile, expect) = (payer.profile.clone(), payer.expect.clone());
        let bound = bind(store, directory, profile.into(), expect.into())?.binding;
        let before = earlier.iter().find(|it| it.directory == bound.directory);
        if before == Some(&bound) {
            return Ok(None);
        }
        let (before, after) = (before.map(PayerRecord::new), PayerRecord::new(&bound));
        let records = &mut self.record.bindings;
        let known = records
            .iter_mut()
            .find(|it| it.directory == bound.directory);
        match known {
            Some(known) if Some(&known.after) == before.as_ref() => known.after = after,
            Some(known) => (known.before, known.after) = (before, after),
            None => records.push(BindingRecord {
                directory: bound.directory.clone(),
                before,
                after,
            }),
        }
        self.save()?;
        Ok(Some(bound))
    }

    /// Records a profile that was added, so that undoing removes it.
    ///
    /// # Errors
    /// [`ProtectionError`] if the record cannot be written.
    pub fn record_profile(&mut self, id: ProfileId) -> Result<(), ProtectionError> {
        self.record.profiles.push(id.to_string());
        self.save()
    }

    /// Undoes the bindings that are as we made them.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub fn undo_bindings(&mut self, store: &Store) -> Result<Vec<UndoneBinding>, ProtectionError> {
        let mut undone = Vec::new();
        for record in std::mem::take(&mut self.record.bindings).into_iter().rev() {
            undone.push(undo_binding(&record, store)?);
        }
        self.save()?;
        Ok(undone)
    }

    /// Removes the profiles that were added and that no key, binding or default needs. Returns their names.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub fn undo_profiles(&mut self, store: &Store) -> Result<Vec<Name>, ProtectionError> {
        let mut removed = Vec::new();
        for id in std::mem::take(&mut self.record.profiles).into_iter().rev() {
            let policy = store.policy()?;
            let Some(profile) = profile_id(&id).and_then(|id| policy.profile(id)) else {
                continue;
            };
            let is_bound = |it: &Binding| it.profile == Some(profile.id);
            let others = policy.profiles().len() > 1;
            let is_default = policy.default_profile() == Some(profile.id) && others;
            let has_key = policy
                .keys()
                .iter()
                .any(|it| it.profiles.contains(&profile.id));
            if !policy.bindings().iter().any(is_bound) && !is_default && !has_key {
                profiles::remove(store, &profile.name)?;
                removed.push(profile.name.clone());
            }
        }
        self.save()?;
        Ok(removed)
    }
}

fn undo_binding(record: &BindingRecord, store: &Store) -> Result<UndoneBinding, ProtectionError> {
    let policy = store.policy()?;
    let mut bindings = policy.bindings().iter();
    let current = bindings.find(|it| it.directory == record.directory);
    let directory = record.directory.clone();
    if current.map(PayerRecord::new).as_ref() != Some(&record.after) {
        return Ok(UndoneBinding::LeftAlone(directory));
    }
    let before = record.before.as_ref().map(|before| Binding {
        directory: directory.clone(),
        profile: before.profile.as_deref().and_then(profile_id),
        expect: before.expect.as_deref().and_then(|it| it.parse().ok()),
    });
    if let Some(before) = before {
        store.bind(&before)?;
        return Ok(UndoneBinding::Restored(directory));
    }
    store.unbind(&directory)?;
    Ok(UndoneBinding::Unbound(directory))
}

impl PayerRecord {
    fn new(binding: &Binding) -> Self {
        Self {
            profile: binding.profile.map(|id| id.to_string()),
            expect: binding.expect.as_ref().map(ToString::to_string),
        }
    }
}

fn profile_id(text: &str) -> Option<ProfileId> {
    Uuid::parse_str(text).ok().map(ProfileId)
}

//! Operations on bound directories.
//!
//! Invariants: a binding is of the canonical path of a directory that exists; it is written to the store, never to the
//! directory.

use std::path::{Path, PathBuf};

use keyreeve_core::binding::{Binding, Expected};
use keyreeve_core::profile::Name;
use keyreeve_os::system;
use keyreeve_resolver::resolve::{check_payer_exists, is_expected_profile};
use keyreeve_store::{Policy, Store};

use super::AdminError;
use super::profiles::find_profile;

/// A directory that exists, by its canonical path.
#[derive(Debug)]
pub struct ExistingDirectory(String);

impl ExistingDirectory {
    /// Finds a directory.
    ///
    /// # Errors
    /// [`AdminError::NoDirectory`].
    pub fn find(path: &Path) -> Result<Self, AdminError> {
        let directory = system::canonical_directory(path);
        directory
            .map(Self)
            .ok_or_else(|| AdminError::NoDirectory(path.to_owned()))
    }
}

/// A change to one part of a binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindingChange<T> {
    /// Leaves it as it is.
    Keep,
    /// Sets it.
    Set(T),
    /// Removes it.
    Clear,
}

impl<T> From<Option<T>> for BindingChange<T> {
    /// Sets the whole part: to the value, or to nothing.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

/// A directory's binding after a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedBinding {
    /// The binding before; `None` if the directory had none.
    pub previous: Option<Binding>,
    /// The binding now.
    pub binding: Binding,
    /// The bound profile, if it belongs to another account than the expected one: then no program of this directory can
    /// be started with it.
    pub contradicting_profile: Option<Name>,
}

/// Binds a directory to a profile and an expected payer. What is not named stays as it was.
///
/// # Errors
/// [`AdminError::UnknownProfile`] or [`AdminError::UnknownPayer`]; [`AdminError::EmptyBinding`] if nothing would be
/// bound.
pub fn bind(
    store: &Store,
    directory: ExistingDirectory,
    profile: BindingChange<Name>,
    expect: BindingChange<Expected>,
) -> Result<ChangedBinding, AdminError> {
    let policy = store.policy()?;
    let mut bindings = policy.bindings().iter();
    let previous = bindings
        .find(|binding| binding.directory == directory.0)
        .cloned();
    let profile = match profile {
        BindingChange::Keep => previous.as_ref().and_then(|binding| binding.profile),
        BindingChange::Set(name) => Some(find_profile(&policy, &name)?.id),
        BindingChange::Clear => None,
    };
    let expect = match expect {
        BindingChange::Keep => previous.as_ref().and_then(|binding| binding.expect.clone()),
        BindingChange::Set(expected) => {
            let profiles = policy.profiles().iter().map(AsRef::as_ref);
            check_payer_exists(&expected, profiles)?;
            Some(expected)
        }
        BindingChange::Clear => None,
    };
    if profile.is_none() && expect.is_none() {
        return Err(AdminError::EmptyBinding {
            directory: directory.0,
            is_bound: previous.is_some(),
        });
    }
    let binding = Binding {
        directory: directory.0,
        profile,
        expect,
    };
    store.bind(&binding)?;
    Ok(ChangedBinding {
        contradicting_profile: contradicting_profile(&policy, &binding),
        previous,
        binding,
    })
}

fn contradicting_profile(policy: &Policy, binding: &Binding) -> Option<Name> {
    let profile = policy.profile(binding.profile?)?;
    let expected = binding.expect.as_ref()?;
    (!is_expected_profile(expected, profile)).then(|| profile.name.clone())
}

/// Removes the binding of a directory, which may have been deleted, and returns it.
///
/// # Errors
/// [`AdminError::NotBound`].
pub fn unbind(store: &Store, directory: &Path) -> Result<Binding, AdminError> {
    let policy = store.policy()?;
    let found = possible_paths(directory).find_map(|path| {
        let mut bindings = policy.bindings().iter();
        bindings.find(|binding| binding.directory == path)
    });
    let binding = found.ok_or_else(|| AdminError::NotBound(directory.to_owned()))?;
    store.unbind(&binding.directory)?;
    Ok(binding.clone())
}

/// Returns the paths under which a directory may be bound: its canonical path, then the path as typed, for a deleted
/// directory.
fn possible_paths(directory: &Path) -> impl Iterator<Item = String> {
    let typed = system::working_directory().map(|here| PathBuf::from(here).join(directory));
    let typed = typed.and_then(|path| path.into_os_string().into_string().ok());
    let typed = typed.map(|path| path.trim_end_matches('/').to_owned());
    system::canonical_directory(directory)
        .into_iter()
        .chain(typed)
}

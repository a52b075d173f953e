//! Operations on bound directories.
//!
//! Invariants: a binding is of the canonical path of a directory that exists; it is written to the store, never to the
//! directory.

use std::path::{Path, PathBuf};

use keyreeve_core::binding::Binding;
use keyreeve_core::binding::Expected;
use keyreeve_core::profile::Name;
use keyreeve_os::system;
use keyreeve_store::Store;

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

/// Binds a directory to a profile and an expected payer, replacing its previous binding.
///
/// # Errors
/// [`AdminError::UnknownProfile`], for either profile.
pub fn bind(
    store: &Store,
    directory: ExistingDirectory,
    profile: Option<&Name>,
    expect: Option<Expected>,
) -> Result<Binding, AdminError> {
    let policy = store.policy()?;
    let profile = profile
        .map(|name| find_profile(&policy, name))
        .transpose()?;
    if let Some(Expected::Profile(name)) = &expect {
        find_profile(&policy, name)?;
    }
    let binding = Binding {
        directory: directory.0,
        profile: profile.map(|profile| profile.id),
        expect,
    };
    store.bind(&binding)?;
    Ok(binding)
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

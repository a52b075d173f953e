//! `bind`, `unbind`, `bindings`: the profile and the expected payer of a directory.
//!
//! Invariant: bindings are in the user's own store; nothing is read from or written to the directory itself.

use std::path::{Path, PathBuf};

use keyreeve_broker::wire::{BindingView, BindingsView};
use keyreeve_core::binding::{Binding, Expected};
use keyreeve_os::system;
use keyreeve_store::Policy;

use crate::args::BindArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, Table, abbreviate_home};
use crate::profiles;
use crate::render::binding::{describe_binding, profile_name};

pub(super) fn run(bind: &BindArgs, context: &Context) -> Result<(), CommandError> {
    let directory = system::canonical_directory(&bind.directory).ok_or_else(|| {
        CommandError::new(
            Exit::Failed,
            format!("no such directory: {}", bind.directory.display()),
        )
    })?;
    let store = context.open_store()?;
    let policy = store.policy()?;
    let profile = bind.profile.as_ref();
    let profile = profile
        .map(|name| Ok::<_, CommandError>(profiles::find(&policy, name)?.id))
        .transpose()?;
    if let Some(Expected::Profile(name)) = &bind.expect {
        profiles::find(&policy, name)?;
    }
    let binding = Binding {
        directory,
        profile,
        expect: bind.expect.clone(),
    };
    store.bind(&binding)?;
    let view = BindingView::new(&binding, policy.profiles());
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    let text = format!("Bound {}: {}", view.directory, describe_binding(&view));
    context
        .output
        .success(&abbreviate_home(&text, context.home()));
    Ok(())
}

pub(super) fn unbind(directory: &Path, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let found = binding_paths(directory).find_map(|directory| {
        let mut bindings = policy.bindings().iter();
        bindings.find(|binding| binding.directory == directory)
    });
    let binding = found.ok_or_else(|| {
        CommandError::new(
            Exit::Failed,
            format!("no binding for directory `{}`", directory.display()),
        )
        .fix("keyreeve bindings")
    })?;
    store.unbind(&binding.directory)?;
    if context.output.format() == Format::Json {
        let view = BindingView::new(binding, policy.profiles());
        return Ok(context.output.document(&view)?);
    }
    let text = format!("Unbound {}", binding.directory);
    context
        .output
        .success(&abbreviate_home(&text, context.home()));
    Ok(())
}

/// The paths under which a directory may be bound: its canonical path, then the path as typed, for a deleted directory.
fn binding_paths(directory: &Path) -> impl Iterator<Item = String> {
    let typed = system::working_directory().map(|here| PathBuf::from(here).join(directory));
    let typed = typed.and_then(|path| path.into_os_string().into_string().ok());
    let typed = typed.map(|path| path.trim_end_matches('/').to_owned());
    system::canonical_directory(directory)
        .into_iter()
        .chain(typed)
}

pub(super) fn list(context: &Context) -> Result<(), CommandError> {
    let lease_snapshot = context
        .machine_state(&keyreeve_resolver::claude_code::Arguments::default())?
        .lease_snapshot;
    let policy = lease_snapshot.as_ref().map(|snapshot| &*snapshot.policy);
    let view = view(policy);
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    if view.bindings.is_empty() {
        context.output.success("No directory is bound");
        context
            .output
            .hint("Bind one: `keyreeve bind DIR --expect plan`");
        return Ok(());
    }
    let columns = ["directory", "profile", "expected payer"].map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for binding in &view.bindings {
        let here = if view.here.as_ref() == Some(&binding.directory) {
            " (here)"
        } else {
            ""
        };
        let directory = abbreviate_home(&binding.directory, context.home());
        table.row([
            format!("{directory}{here}"),
            profile_name(binding).unwrap_or_default(),
            binding.expect.clone().unwrap_or_default(),
        ]);
    }
    Ok(context.output.table(&table)?)
}

fn view(policy: Option<&Policy>) -> BindingsView {
    let (bindings, profiles) = policy.map_or((&[][..], &[][..]), |policy| {
        (policy.bindings(), policy.profiles())
    });
    let here = system::working_directory();
    let here = here.and_then(|here| Binding::nearest(bindings, &here));
    BindingsView {
        bindings: bindings
            .iter()
            .map(|binding| BindingView::new(binding, profiles))
            .collect(),
        here: here.map(|binding| binding.directory.clone()),
    }
}

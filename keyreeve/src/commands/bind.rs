//! `bind`, `unbind`, `bindings`: which profile a directory's programs are meant to use, and who is meant to pay there.
//!
//! Invariant: a binding lies in the person's own store; nothing is read from or written into the directory.

use std::path::{Path, PathBuf};

use keyreeve_broker::view::{BindingView, BindingsView};
use keyreeve_core::binding::Binding;
use keyreeve_core::resolve::Expected;
use keyreeve_os::world;
use keyreeve_store::Policy;

use super::profile;
use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, Table, from_home};
use crate::settings::Bind;
use crate::variables;
use crate::wiring::World;

pub(super) fn run(bind: &Bind, world: &World) -> Result<(), CommandError> {
    let directory = world::real_directory(&bind.directory).ok_or_else(|| {
        CommandError::new(
            Exit::Failed,
            format!("there is no directory {}", bind.directory.display()),
        )
    })?;
    let store = world.store()?;
    let policy = store.policy()?;
    let profile = bind.profile.as_ref();
    let profile = profile
        .map(|name| Ok::<_, CommandError>(profile::find(&policy, name)?.id))
        .transpose()?;
    if let Some(Expected::Profile(name)) = &bind.expect {
        profile::find(&policy, name)?;
    }
    let binding = Binding {
        directory,
        profile,
        expect: bind.expect.clone(),
    };
    store.bind(&binding)?;
    let view = BindingView::of(&binding, policy.profiles());
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    let told = format!("{} is bound: {}", view.directory, bound_to(&view));
    world.output.note(&from_home(&told, home(world)));
    Ok(())
}

pub(super) fn undo(directory: &Path, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let found = named(directory).find_map(|directory| {
        let mut bindings = policy.bindings().iter();
        bindings.find(|binding| binding.directory == directory)
    });
    let binding = found.ok_or_else(|| {
        CommandError::new(
            Exit::Failed,
            format!("{} is not bound", directory.display()),
        )
        .hint("keyreeve bindings")
    })?;
    store.unbind(&binding.directory)?;
    if world.output.format() == Format::Json {
        let view = BindingView::of(binding, policy.profiles());
        return Ok(world.output.document(&view)?);
    }
    let told = format!("{} is not bound any more", binding.directory);
    world.output.note(&from_home(&told, home(world)));
    Ok(())
}

/// What a directory may be bound as: its real path, or, where it is gone, its path as typed.
fn named(directory: &Path) -> impl Iterator<Item = String> {
    let typed = world::directory().map(|here| PathBuf::from(here).join(directory));
    let typed = typed.and_then(|path| path.into_os_string().into_string().ok());
    let typed = typed.map(|path| path.trim_end_matches('/').to_owned());
    world::real_directory(directory).into_iter().chain(typed)
}

pub(super) fn list(world: &World) -> Result<(), CommandError> {
    let known = world
        .look(&keyreeve_core::claude_code::Arguments::default())?
        .known;
    let policy = known.as_ref().map(|known| &*known.policy);
    let view = view(policy);
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    if view.bindings.is_empty() {
        world.output.note("no directory is bound");
        world.output.hint("keyreeve bind DIR --expect plan");
        return Ok(());
    }
    let columns = ["directory", "profile", "who is meant to pay"].map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for binding in &view.bindings {
        let here = if view.here.as_ref() == Some(&binding.directory) {
            " (here)"
        } else {
            ""
        };
        let directory = from_home(&binding.directory, home(world));
        table.row([
            format!("{directory}{here}"),
            named_profile(binding).unwrap_or_default(),
            binding.expect.clone().unwrap_or_default(),
        ]);
    }
    Ok(world.output.table(&table)?)
}

fn view(policy: Option<&Policy>) -> BindingsView {
    let (bindings, profiles) = policy.map_or((&[][..], &[][..]), |policy| {
        (policy.bindings(), policy.profiles())
    });
    let here = world::directory();
    let here = here.and_then(|here| Binding::nearest(bindings, &here));
    BindingsView {
        bindings: bindings
            .iter()
            .map(|binding| BindingView::of(binding, profiles))
            .collect(),
        here: here.map(|binding| binding.directory.clone()),
    }
}

/// What a binding says, in words.
pub(super) fn bound_to(binding: &BindingView) -> String {
    let profile = named_profile(binding).map(|name| format!("profile {name}"));
    let expect = binding
        .expect
        .as_ref()
        .map(|who| format!("{who} is meant to pay"));
    [profile, expect]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

fn named_profile(binding: &BindingView) -> Option<String> {
    match (&binding.profile, binding.profile_is_gone) {
        (_, true) => Some("(removed)".to_owned()),
        (name, false) => name.clone(),
    }
}

fn home(world: &World) -> Option<&str> {
    world.snapshot.environment.get(variables::USER_HOME)
}

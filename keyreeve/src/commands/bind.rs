//! `bind`, `unbind`, `bindings`: the profile and the expected payer of a directory.
//!
//! Invariant: bindings are in the user's own store; nothing is read from or written to the directory itself.

use std::path::Path;

use keyreeve_broker::admin::bindings::{self, ChangedBinding, ExistingDirectory};
use keyreeve_broker::wire::{BindingView, BindingsView, ChangedBindingView};
use keyreeve_core::binding::Binding;
use keyreeve_os::system;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_store::Policy;

use crate::args::{BindArgs, EnvShell};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Line, Table, abbreviate_home};
use crate::render::binding::{describe_binding, describe_change, profile_name};
use crate::shell_quoting::quote;

pub(super) fn run(bind: BindArgs, context: &Context) -> Result<(), CommandError> {
    let (directory, profile, expect) = bind.into_changes();
    // Before a store is created.
    let directory = ExistingDirectory::find(&directory)?;
    let store = context.open_store()?;
    let changed = bindings::bind(&store, directory, profile, expect)?;
    let policy = store.policy()?;
    let view = |binding: &Binding| BindingView::new(binding, policy.profiles());
    let changed_view = ChangedBindingView {
        binding: view(&changed.binding),
        previous: changed.previous.as_ref().map(view),
    };
    Ok(context.output.show(&changed_view, |changed_view| {
        change_lines(changed_view, &changed, context.home())
    })?)
}

fn change_lines(
    view: &ChangedBindingView,
    changed: &ChangedBinding,
    home: Option<&str>,
) -> Vec<Line> {
    let ChangedBindingView { binding, previous } = view;
    let text = format!("Bound {}: {}", binding.directory, describe_binding(binding));
    let mut lines = vec![Line::Success(abbreviate_home(&text, home))];
    if let Some(previous) = previous {
        lines.push(Line::Note(describe_change(previous, binding)));
    }
    if let (Some(profile), Some(expect)) = (&changed.contradicting_profile, &binding.expect) {
        lines.push(Line::Note(format!(
            "Profile `{profile}` belongs to another account than the expected payer {expect}, so programs cannot be started with it here"
        )));
        let directory = quote(EnvShell::Bash, &binding.directory);
        lines.push(Line::Fix(format!("keyreeve bind {directory} --no-expect")));
    }
    lines
}

pub(super) fn unbind(directory: &Path, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let binding = bindings::unbind(&store, directory)?;
    let view = BindingView::new(&binding, store.policy()?.profiles());
    Ok(context.output.show(&view, |view| {
        let text = format!("Unbound {}", view.directory);
        vec![Line::Success(abbreviate_home(&text, context.home()))]
    })?)
}

pub(super) fn list(context: &Context) -> Result<(), CommandError> {
    let state = context.machine_state(&Arguments::default())?;
    let policy = state.lease_snapshot.as_ref();
    let view = view(policy.map(|snapshot| &*snapshot.policy));
    let home = context.home();
    Ok(context.output.show(&view, |view| lines(view, home))?)
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

fn lines(view: &BindingsView, home: Option<&str>) -> Vec<Line> {
    if view.bindings.is_empty() {
        return vec![
            Line::Success("No directory is bound".to_owned()),
            Line::Hint("Bind one: `keyreeve bind DIR --expect plan`".to_owned()),
        ];
    }
    let columns = ["directory", "profile", "expected payer"].map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for binding in &view.bindings {
        let here = if view.here.as_ref() == Some(&binding.directory) {
            " (here)"
        } else {
            ""
        };
        let directory = abbreviate_home(&binding.directory, home);
        table.row([
            format!("{directory}{here}"),
            profile_name(binding).unwrap_or_default(),
            binding.expect.clone().unwrap_or_default(),
        ]);
    }
    vec![Line::Table(table)]
}

//! `import`: plans which credentials of another program become profiles, prints the plan, and applies it.
//!
//! Invariants: a dry run writes nothing, not even a store; both print the same plan.

mod render;

use keyreeve_broker::admin::import::{self, ImportFiles};
use keyreeve_broker::wire::{ImportView, Stage};
use keyreeve_store::Store;

use crate::args::ImportArgs;
use crate::context::{self, Context};
use crate::error::CommandError;

pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<(), CommandError> {
    let environment = &context.snapshot.environment;
    let files = ImportFiles::read(args.from, args.path.as_deref(), environment)?;
    let store = open_store(args, context)?;
    let plan = import::plan(&files, store.as_ref())?;
    let stage = match &store {
        Some(store) if !args.dry_run => {
            import::apply(store, &plan)?;
            Stage::Done
        }
        Some(_) | None => Stage::Planned,
    };
    let view = ImportView::new(args.from, files.directory(), &plan, stage);
    Ok(context.output.show(&view, render::import)?)
}

/// Opens the store. A dry run does not create a missing one.
fn open_store(args: &ImportArgs, context: &Context) -> Result<Option<Store>, CommandError> {
    if args.dry_run && !Store::exists(&context::store_paths(&context.dirs()?)) {
        return Ok(None);
    }
    context.open_store().map(Some)
}

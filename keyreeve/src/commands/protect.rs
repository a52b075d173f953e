//! `protect`: makes the right account pay on this machine, shows what protects it, and takes it back.

use crate::args::{Consent, ProtectAction, ProtectArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::protection::{self, ProtectChoices};

pub(super) fn run(args: ProtectArgs, context: &Context) -> Result<(), CommandError> {
    match args.action {
        Some(ProtectAction::Status) => protection::show(context),
        None if args.undo => protection::undo(args.consent, context),
        None => {
            let choices = ProtectChoices::from_args(args, context);
            if choices.consent() == Consent::Given && !choices.has_parts() {
                return Err(no_parts());
            }
            protection::protect(choices, context)
        }
    }
}

fn no_parts() -> CommandError {
    CommandError::new(Exit::Usage, "`--yes` needs the parts to add")
        .hint("Parts: `--fix`, `--bind PAYER`, `--hook`, `--status-line`, `--claude` or `--shim`")
        .fix("keyreeve protect --yes --all")
}

//! `store`: create, describe, back up and restore the store.

mod info;
mod restore;

use keyreeve_broker::admin::backups::{self, Passphrase};

use crate::args::{PassphraseArgs, SecretInput, StoreCommand};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;
use crate::prompt::{Repeat, SecretPrompt};

pub(super) fn run(store: StoreCommand, context: &Context) -> Result<(), CommandError> {
    let output = &context.output;
    match store {
        StoreCommand::Init => {
            let info = info::read(context)?;
            let text = format!("Created the store in {}", info.data);
            output.write(&[Line::Success(text)])?;
            Ok(output.show(&info, info::lines)?)
        }
        StoreCommand::Info => Ok(output.show(&info::read(context)?, info::lines)?),
        StoreCommand::Backup(PassphraseArgs { file, passphrase }) => {
            let store = context.open_store()?;
            let passphrase = read_passphrase(passphrase, Repeat::Twice, "backup", context)?;
            backups::back_up(&store, &file, &passphrase)?;
            let file = file.display();
            let text = format!(
                "Saved an encrypted backup to {file}. Without its passphrase it cannot be restored."
            );
            Ok(output.write(&[Line::Success(text)])?)
        }
        StoreCommand::Restore(arguments) => restore::run(arguments, context),
    }
}

fn read_passphrase(
    input: SecretInput,
    repeat: Repeat,
    action: &str,
    context: &Context,
) -> Result<Passphrase, CommandError> {
    let command = format!("keyreeve store {action} FILE --stdin");
    let question = SecretPrompt {
        prompt: "Passphrase of the backup:",
        repeat,
        command: &command,
    };
    let text = context.prompter.read_secret(input, &question)?;
    Ok(Passphrase::new(text.trim_end_matches(['\r', '\n']))?)
}

//! `helper`: prints one key for a client that gets its key from a program, such as Claude Code with `apiKeyHelper`
//! (docs/facts.md#clients).
//!
//! Invariants: standard output has exactly one line of token characters, or nothing; it never prompts.

use std::sync::Arc;

use keyreeve_core::secret::{Secret, Sink};

use crate::args::CredentialArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Format, KEY_PLACEHOLDER};
use crate::temporary_key::{self, Caller};

pub(super) fn run(args: CredentialArgs, context: Context) -> Result<(), CommandError> {
    match context.output.format() {
        Format::Human => {}
        Format::Json => {
            return Err(
                CommandError::new(Exit::Usage, "`helper` prints a key only, never JSON")
                    .fix("keyreeve credential --json"),
            );
        }
    }
    let output = Arc::clone(&context.output);
    let credential = temporary_key::find_in_time(args.into(), Caller::OwnSettings, context)?;
    if !is_single_word(&credential.secret) {
        return Err(CommandError::new(
            Exit::Credential,
            "the credential has characters that a helper cannot print",
        )
        .fix("keyreeve credential --json"));
    }
    Ok(output.reveal(KEY_PLACEHOLDER, &credential.secret)?)
}

/// Returns `true` if a client reads the secret unchanged: letters, digits, `-` and `_`.
fn is_single_word(secret: &Secret) -> bool {
    let text = secret.expose_for(Sink::Client);
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_plain)
}

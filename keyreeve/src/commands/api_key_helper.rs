//! `helper`: prints one key for a client that starts a program to get it, such as Claude Code by its `apiKeyHelper`
//! (docs/facts.md#clients).
//!
//! Invariants: standard output has exactly one line of a token's characters, or nothing at all; nobody is asked.

use std::sync::Arc;

use keyreeve_core::secret::{Secret, Sink};

use super::handing::{self, Asker};
use crate::error::{CommandError, Exit};
use crate::output::{Format, KEY_MARK};
use crate::settings::Whose;
use crate::wiring::World;

pub(super) fn run(whose: Whose, world: World) -> Result<(), CommandError> {
    match world.output.format() {
        Format::Human => {}
        Format::Json => {
            return Err(
                CommandError::new(Exit::Usage, "`helper` prints a key and nothing else")
                    .hint("keyreeve credential --json"),
            );
        }
    }
    let output = Arc::clone(&world.output);
    let handed = handing::hand(whose, Asker::Alone, world)?;
    if !is_one_word(&handed.secret) {
        return Err(CommandError::new(
            Exit::Credential,
            "the credential has characters that a helper's line cannot have",
        )
        .hint("keyreeve credential --json"));
    }
    Ok(output.reveal(KEY_MARK, &handed.secret)?)
}

/// Whether a client will take it whole: letters, digits, `-` and `_`.
fn is_one_word(secret: &Secret) -> bool {
    let text = secret.expose_for(Sink::Client);
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

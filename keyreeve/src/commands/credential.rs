//! `helper` and `credential`: print the key of a client that gets it from a program.
//!
//! Invariants: neither prompts; standard output of `helper` has exactly one line of token characters, or nothing.

use std::sync::Arc;

use keyreeve_broker::wire::CredentialView;
use keyreeve_core::clock::Clock;
use keyreeve_core::secret::{Secret, Sink};

use crate::args::CredentialArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Format, KEY_PLACEHOLDER, relative_time_from_text};
use crate::temporary_key::{self, Caller, ClientCredentialKind};

/// Prints one key, for Claude Code with `apiKeyHelper` and clients like it (docs/facts.md#clients).
pub(super) fn helper(args: CredentialArgs, context: Context) -> Result<(), CommandError> {
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

/// Prints a key with its base URL and expiry, for the credential providers of the SDKs.
pub(super) fn credential(args: CredentialArgs, context: Context) -> Result<(), CommandError> {
    let (output, clock) = (Arc::clone(&context.output), context.clock());
    let credential = temporary_key::find_in_time(args.into(), Caller::UsesOurAddress, context)?;
    let view = CredentialView::new(
        match credential.kind {
            ClientCredentialKind::VirtualKey => "virtual-key",
            ClientCredentialKind::Credential => "credential",
        },
        &credential.base_url,
        credential.expires_at,
    );
    match output.format() {
        Format::Json => output.reveal_token(&view, &credential.secret)?,
        Format::Human => output.reveal(&template(&view, &clock), &credential.secret)?,
    }
    Ok(())
}

fn template(view: &CredentialView, clock: &Clock) -> String {
    let expiry = view.expires_at.as_deref();
    let expiry = expiry.map(|at| relative_time_from_text(at, clock));
    format!(
        "token        {KEY_PLACEHOLDER}\nkind         {}\nbase url     {}\nexpires      {}",
        view.kind,
        view.base_url,
        expiry.as_deref().unwrap_or("unknown")
    )
}

//! Reading a pasted credential for a profile: repairs and validates it, and refuses one that is never sent.

use keyreeve_core::api::Api;
use keyreeve_core::inject::{self, InjectError};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Family, TokenReport};

use crate::args::SecretInput;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::sentence_case;
use crate::prompt::{Repeat, SecretPrompt};

/// A validated credential.
pub(crate) struct PastedCredential {
    /// The credential.
    pub(crate) secret: Secret,
    /// Token family, by its prefix.
    pub(crate) family: Family,
    /// The part that may be shown.
    pub(crate) hint: String,
}

/// Reads a credential and prints repairs and warnings. `command` reads it without a prompt.
///
/// # Errors
/// Exit 4 for an unusable credential, exit 8 for a plan login.
pub(crate) fn read_credential(
    input: SecretInput,
    api: Api,
    context: &Context,
    command: &str,
) -> Result<PastedCredential, CommandError> {
    let question = SecretPrompt {
        prompt: "Secret (hidden):",
        repeat: Repeat::Once,
        command,
    };
    let pasted = context.prompter.read_secret(input, &question)?;
    let report = token::read(&pasted, api.grammar());
    for repair in &report.repairs {
        context.output.note(&repair.to_string());
    }
    let problems = report.problems.iter().map(ToString::to_string);
    let TokenReport {
        token: Some(secret),
        hint: Some(hint),
        family,
        ..
    } = report
    else {
        return Err(
            CommandError::new(Exit::Credential, "cannot save this as a credential")
                .with_causes(problems)
                .fix("keyreeve inspect"),
        );
    };
    check_injectable(api, family)?;
    for problem in problems {
        context.output.note(&sentence_case(&problem));
    }
    Ok(PastedCredential {
        secret,
        family,
        hint,
    })
}

/// Refuses a credential that no lease would ever use.
fn check_injectable(api: Api, family: Family) -> Result<(), CommandError> {
    let upstream = api.upstream_kind(api.default_auth());
    let provenance = api.provenance(&Source::Sealed, family);
    let Err(error) = inject::decide(upstream, family, provenance) else {
        return Ok(());
    };
    let (exit, fix) = match error {
        InjectError::PlanLogin => (Exit::Policy, "keyreeve profile add NAME --setup-token"),
        InjectError::RefreshToken
        | InjectError::AdminKey
        | InjectError::SessionCookie
        | InjectError::WorkToken
        | InjectError::VirtualKey
        | InjectError::AdminVirtualKey
        | InjectError::UnknownFamily
        | InjectError::NotAnthropicToken => (Exit::Credential, "keyreeve profile add NAME"),
    };
    Err(CommandError::new(exit, "cannot save this as a credential")
        .with_causes([error.to_string()])
        .fix(fix))
}

//! Reading a pasted credential for a profile, repaired.

use keyreeve_core::api::Api;
use keyreeve_core::token::{self, TokenReport};

use crate::args::SecretInput;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Line, sentence_case};
use crate::prompt::{Repeat, SecretPrompt};

/// Reads a credential and prints its repairs. `command` reads it without a prompt.
///
/// # Errors
/// If prompts are not possible, the user cancels, or standard input cannot be read.
pub(crate) fn read_credential(
    input: SecretInput,
    api: Api,
    context: &Context,
    command: &str,
) -> Result<TokenReport, CommandError> {
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
    Ok(report)
}

/// Returns the warnings about a credential that was saved.
pub(crate) fn warnings(report: &TokenReport) -> Vec<Line> {
    let problems = report.problems.iter();
    problems
        .map(|problem| Line::Note(sentence_case(&problem.to_string())))
        .collect()
}

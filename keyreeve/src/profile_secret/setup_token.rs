//! Reading a setup-token: asks its owner for consent, shows the terms, and reads it from `claude setup-token` or a paste.
//!
//! Invariants: nothing is saved without the owner's consent; `claude` is started by its absolute path, without variables that
//! would change its account; its output stays in memory, and only the token is saved.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use keyreeve_broker::admin::NewSecret;
use keyreeve_core::token::{self, Family, SetupTokenError};
use keyreeve_os::programs;
use keyreeve_os::terminal::{self, TerminalError};
use keyreeve_resolver::conflicts::without_conflicts;
use zeroize::Zeroizing;

use crate::args::{SecretInput, SetupTokenArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{sentence_case, utc_date};
use crate::prompt::{Answer, Prompter, Question, Repeat, SecretPrompt};

/// Anthropic's terms for the use of plans (docs/facts.md#terms).
const TERMS: &str = "https://code.claude.com/docs/en/legal-and-compliance";

/// Information before the consent; it summarizes the terms as of 2026-08-22.
const CONSENT_NOTES: [&str; 7] = [
    "A setup-token is a login to your own plan, valid for a year",
    "The terms: a plan is for its owner, in Anthropic's own applications",
    "The terms: other products may not collect, store or relay plan logins",
    "They do not say whether this covers your own store on your own machine",
    "Safer: sign in to `claude` itself (`--claude-login`), or use an API key",
    "It would be stored encrypted, for the `claude` that `keyreeve exec` starts",
    "No virtual key, no gateway and no other user could use it",
];

/// Maximum number of lines of a pasted token.
const MAX_PASTED_LINES: usize = 4;

/// Asks for consent, then reads the token.
///
/// # Errors
/// Exit 1 without consent, 2 if prompts are not possible, 4 for anything but a setup-token.
pub(crate) fn read(
    input: SecretInput,
    plan: SetupTokenArgs,
    command: &str,
    context: &Context,
) -> Result<NewSecret, CommandError> {
    let unattended = format!("{command} --stdin --consent");
    if (input, context.prompter) == (SecretInput::Prompt, Prompter::NonInteractive) {
        return Err(
            CommandError::new(Exit::Usage, "cannot prompt without a terminal").fix(unattended),
        );
    }
    if plan.consent {
        context.output.note(&format!("The terms: {TERMS}"));
    } else {
        ask_consent(&unattended, context)?;
    }
    let token = match input {
        SecretInput::Stdin => parse(&prompt(input, PROMPT, &unattended, context)?, command)?,
        SecretInput::Prompt => match choose_program(plan, context)? {
            Some(program) => run_program(&program, command, context)?,
            None => paste(command, &unattended, context)?,
        },
    };
    for repair in &token.repairs {
        context.output.note(&repair.to_string());
    }
    for warning in &token.warnings {
        context.output.note(&sentence_case(&warning.to_string()));
    }
    Ok(NewSecret::SetupToken {
        token,
        made_at: plan.made,
    })
}

/// Returns the message after a setup-token was saved.
pub(crate) fn saved_message(name: &str, expires_at: Timestamp) -> String {
    format!(
        "Saved profile `{name}` for `keyreeve exec --profile {name} -- claude` only. It expires on {}.",
        utc_date(&expires_at.to_string())
    )
}

const PROMPT: &str = "Setup-token (hidden):";

/// Shows the terms and asks for consent.
fn ask_consent(unattended: &str, context: &Context) -> Result<(), CommandError> {
    for line in CONSENT_NOTES {
        context.output.note(line);
    }
    context.output.note(&format!("The terms: {TERMS}"));
    let question = Question {
        prompt: "Is this your own plan, and may keyreeve save its token?",
        command: unattended,
    };
    if context.prompter.confirm_required(question, Answer::No)? == Answer::Yes {
        return Ok(());
    }
    Err(CommandError::new(Exit::Failed, "nothing was saved")
        .fix("keyreeve profile add NAME --claude-login"))
}

/// Returns the path of `claude` if the user wants it to create a new token now.
fn choose_program(
    plan: SetupTokenArgs,
    context: &Context,
) -> Result<Option<PathBuf>, CommandError> {
    if plan.made.is_some() {
        return Ok(None);
    }
    let path = context.snapshot.environment.get("PATH").unwrap_or_default();
    let Some(program) = programs::find("claude", path) else {
        context.output.note(
            "`claude` is not on PATH: run `claude setup-token` where it is installed and paste the token",
        );
        return Ok(None);
    };
    context.output.note(&format!(
        "`{} setup-token` creates the token",
        program.display()
    ));
    let question = Question {
        prompt: "Run it now and read the token it prints? (No: paste one)",
        command: "keyreeve profile add NAME --setup-token --stdin --consent",
    };
    let answer = context.prompter.confirm_required(question, Answer::Yes)?;
    Ok((answer == Answer::Yes).then_some(program))
}

/// Runs `claude setup-token` in the user's terminal and reads the token from its output.
fn run_program(
    program: &Path,
    retry: &str,
    context: &Context,
) -> Result<token::SetupToken, CommandError> {
    let environment = &context.snapshot.environment;
    let mut command = Command::new(program);
    command
        .arg("setup-token")
        .env_clear()
        .envs(without_conflicts(environment));
    // Its directory is the user's choice, and does not change the account by itself.
    if let Some(directory) = environment.get("CLAUDE_CONFIG_DIR") {
        command.env("CLAUDE_CONFIG_DIR", directory);
    }
    let run = terminal::run_in_pty(command).map_err(|error| {
        let exit = match error {
            TerminalError::Interrupted => Exit::Interrupted,
            TerminalError::NoTerminal(_) | TerminalError::Start(_) | TerminalError::Forward(_) => {
                Exit::Failed
            }
        };
        CommandError::new(exit, "`claude setup-token` failed")
            .caused_by(&error)
            .fix(retry)
    })?;
    let screen = Zeroizing::new(String::from_utf8_lossy(&run.output).into_owned());
    match token::read_setup_token(&screen) {
        Err(SetupTokenError::NotFound) if !run.status.success() => Err(CommandError::new(
            Exit::Failed,
            "`claude setup-token` printed no token",
        )
        .with_causes([run.status.to_string()])
        .fix(retry)),
        Err(error) => Err(invalid(&error, retry)),
        Ok(token) => {
            context.output.success("Read the token from its output");
            Ok(token)
        }
    }
}

/// Reads a pasted token. If it is wrapped, each of its lines arrives separately.
fn paste(
    command: &str,
    unattended: &str,
    context: &Context,
) -> Result<token::SetupToken, CommandError> {
    let mut lines = Zeroizing::new(String::with_capacity(token::MAX_TOKEN_CHARS));
    let mut prompt = PROMPT;
    for _ in 1..MAX_PASTED_LINES {
        let line = self::prompt(SecretInput::Prompt, prompt, unattended, context)?;
        if line.len() + lines.len() >= token::MAX_TOKEN_CHARS {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        match token::read_setup_token(&lines) {
            Err(SetupTokenError::Truncated { .. }) if !line.trim().is_empty() => {
                prompt = "Next line, or Enter to stop:";
            }
            Err(_) | Ok(_) => break,
        }
    }
    parse(&lines, command)
}

fn prompt(
    input: SecretInput,
    prompt: &str,
    unattended: &str,
    context: &Context,
) -> Result<Zeroizing<String>, CommandError> {
    let question = SecretPrompt {
        prompt,
        repeat: Repeat::Once,
        command: unattended,
    };
    context.prompter.read_secret(input, &question)
}

fn parse(text: &str, command: &str) -> Result<token::SetupToken, CommandError> {
    token::read_setup_token(text).map_err(|error| invalid(&error, command))
}

fn invalid(error: &SetupTokenError, command: &str) -> CommandError {
    let fix = match error {
        SetupTokenError::OtherFamily(Family::ApiKey) => "keyreeve profile add NAME",
        SetupTokenError::SignInCode => "claude setup-token",
        SetupTokenError::NotFound
        | SetupTokenError::OtherFamily(_)
        | SetupTokenError::Truncated { .. }
        | SetupTokenError::Ambiguous
        | SetupTokenError::InvalidChar
        | SetupTokenError::SeveralTokens => command,
    };
    CommandError::new(Exit::Credential, "cannot save this as a setup-token")
        .caused_by(error)
        .fix(fix)
}

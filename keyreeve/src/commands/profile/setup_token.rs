//! Takes a setup-token from its owner: asked once, with the terms; seen on the genuine program's screen, or pasted.
//!
//! Invariants: nothing is taken without the owner's yes; `claude` is started by its whole path, with nothing in its
//! environment that decides who answers; what passes on its screen is kept in memory alone, and nothing of it but the token.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use keyreeve_core::rivals::without_rivals;
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Family, NoSetupToken, SETUP_TOKEN_LIFE};
use keyreeve_os::terminal::{self, TerminalError};
use keyreeve_os::{programs, world::now};
use zeroize::Zeroizing;

use crate::ask::{Answer, Asker, Open, Question, Typed};
use crate::error::{CommandError, Exit};
use crate::output::to_the_day;
use crate::settings::{Consent, Given, PlanToken};
use crate::wiring::World;

/// The page that says who may use a plan for what (docs/facts.md#terms).
const TERMS: &str = "https://code.claude.com/docs/en/legal-and-compliance";

/// What a person has to know before they say yes; the terms in short are those of 2026-08-22.
const BEFORE: [&str; 7] = [
    "a setup-token is a login of your own plan, and lasts a year",
    "the terms: a plan is for its owner, in Anthropic's own applications",
    "the terms: other products may not collect, store or relay plan logins",
    "whether your own store on your own machine is meant too, they do not say",
    "the safe ways: sign in to `claude` itself (--claude-login), or an API key",
    "it would be sealed here, for the `claude` that `keyreeve exec` starts",
    "no virtual key, no gateway and nobody else could use it",
];

/// A paste of more lines than this is not one token.
const PASTED_LINES: usize = 4;

/// A setup-token that was taken.
pub(super) struct Taken {
    /// It.
    pub(super) secret: Secret,
    /// What of it may be shown.
    pub(super) hint: String,
    /// When it ends.
    pub(super) expires_at: Timestamp,
}

/// What its prefix says.
pub(super) const FAMILY: Family = Family::OauthAccess;

/// Asks for consent, then takes the token.
///
/// # Errors
/// Exit 1 without a yes, 2 where nobody can be asked, 4 for what is no setup-token.
pub(super) fn take(
    from: Given,
    plan: PlanToken,
    command: &str,
    world: &World,
) -> Result<Taken, CommandError> {
    let instead = format!("{command} --stdin --consent");
    if (from, world.asker) == (Given::Asked, Asker::Absent) {
        return Err(CommandError::new(Exit::Usage, "there is no terminal to ask on").hint(instead));
    }
    match plan.consent {
        Consent::Given => world.output.note(&format!("the terms: {TERMS}")),
        Consent::Asked => agree(&instead, world)?,
    }
    let found = match from {
        Given::Stdin => read(&ask(from, PROMPT, &instead, world)?, command)?,
        Given::Asked => match genuine(plan, world)? {
            Some(program) => watch(&program, command, world)?,
            None => paste(command, &instead, world)?,
        },
    };
    for repair in &found.repairs {
        world.output.note(&repair.to_string());
    }
    for odd in &found.odd {
        world.output.note(&odd.to_string());
    }
    let made_at = plan.made_at.unwrap_or_else(now);
    let expires_at = made_at.checked_add(SETUP_TOKEN_LIFE).map_err(|error| {
        CommandError::new(Exit::Usage, "--made is too far away").caused_by(&error)
    })?;
    Ok(Taken {
        secret: found.secret,
        hint: found.hint,
        expires_at,
    })
}

/// When it ends and what it is good for, in a sentence.
pub(super) fn what_for(name: &str, expires_at: Timestamp) -> String {
    format!(
        "profile `{name}` is kept for `keyreeve exec --profile {name} -- claude` and nothing else, and ends on {}",
        to_the_day(&expires_at.to_string())
    )
}

const PROMPT: &str = "Setup-token (it is not shown):";

/// The one question, with the terms.
fn agree(instead: &str, world: &World) -> Result<(), CommandError> {
    for line in BEFORE {
        world.output.note(line);
    }
    world.output.note(&format!("the terms: {TERMS}"));
    let question = Open {
        prompt: "Is it your own plan, and shall keyreeve keep its token?",
        instead,
    };
    if world.asker.agree(question, Answer::No)? == Answer::Yes {
        return Ok(());
    }
    Err(CommandError::new(Exit::Failed, "nothing was kept")
        .hint("keyreeve profile add NAME --claude-login"))
}

/// The genuine program, where it is to make a new token now.
fn genuine(plan: PlanToken, world: &World) -> Result<Option<PathBuf>, CommandError> {
    if plan.made_at.is_some() {
        return Ok(None);
    }
    let path = world.snapshot.environment.get("PATH").unwrap_or_default();
    let Some(program) = programs::find("claude", path) else {
        world.output.note(
            "`claude` is not on PATH: run `claude setup-token` where it is, and paste the token",
        );
        return Ok(None);
    };
    world.output.note(&format!(
        "the token is made by `{} setup-token`",
        program.display()
    ));
    let question = Open {
        prompt: "Start that here, and take the token it prints? (No: paste one)",
        instead: "keyreeve profile add NAME --setup-token --stdin --consent",
    };
    let answer = world.asker.agree(question, Answer::Yes)?;
    Ok((answer == Answer::Yes).then_some(program))
}

/// Runs the genuine program in the person's terminal and finds the token on its screen.
fn watch(program: &Path, again: &str, world: &World) -> Result<token::SetupToken, CommandError> {
    let environment = &world.snapshot.environment;
    let mut command = Command::new(program);
    command
        .arg("setup-token")
        .env_clear()
        .envs(without_rivals(environment));
    // Its own place is the person's choice, and no rival.
    if let Some(directory) = environment.get("CLAUDE_CONFIG_DIR") {
        command.env("CLAUDE_CONFIG_DIR", directory);
    }
    let watched = terminal::watch(command).map_err(|error| {
        let exit = match error {
            TerminalError::Stopped => Exit::Interrupted,
            TerminalError::NoTerminal(_) | TerminalError::Start(_) | TerminalError::Pass(_) => {
                Exit::Failed
            }
        };
        CommandError::new(exit, "`claude setup-token` did not come to its end")
            .caused_by(&error)
            .hint(again)
    })?;
    let screen = Zeroizing::new(String::from_utf8_lossy(&watched.printed).into_owned());
    match token::read_setup_token(&screen) {
        Err(NoSetupToken::Nothing) if !watched.status.success() => Err(CommandError::new(
            Exit::Failed,
            "`claude setup-token` ended without a token",
        )
        .because([watched.status.to_string()])
        .hint(again)),
        Err(error) => Err(refused(&error, again)),
        Ok(found) => {
            world.output.note("took the token from its screen");
            Ok(found)
        }
    }
}

/// Takes a paste. Where it was wrapped, each line of it comes as an answer of its own.
fn paste(command: &str, instead: &str, world: &World) -> Result<token::SetupToken, CommandError> {
    let mut lines = Zeroizing::new(String::with_capacity(token::LONGEST));
    let mut prompt = PROMPT;
    for _ in 1..PASTED_LINES {
        let line = ask(Given::Asked, prompt, instead, world)?;
        if line.len() + lines.len() >= token::LONGEST {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        match token::read_setup_token(&lines) {
            Err(NoSetupToken::Cut { .. }) if !line.trim().is_empty() => {
                prompt = "Its next line, or Enter alone:";
            }
            Err(_) | Ok(_) => break,
        }
    }
    read(&lines, command)
}

fn ask(
    from: Given,
    prompt: &str,
    instead: &str,
    world: &World,
) -> Result<Zeroizing<String>, CommandError> {
    let question = Question {
        prompt,
        typed: Typed::Once,
        instead,
    };
    world.asker.take(from, &question)
}

fn read(text: &str, command: &str) -> Result<token::SetupToken, CommandError> {
    token::read_setup_token(text).map_err(|error| refused(&error, command))
}

fn refused(error: &NoSetupToken, command: &str) -> CommandError {
    let hint = match error {
        NoSetupToken::Other(Family::ApiKey) => "keyreeve profile add NAME",
        NoSetupToken::SignInCode => "claude setup-token",
        NoSetupToken::Nothing
        | NoSetupToken::Other(_)
        | NoSetupToken::Cut { .. }
        | NoSetupToken::Unclear
        | NoSetupToken::BadMark
        | NoSetupToken::Several => command,
    };
    CommandError::new(Exit::Credential, "this cannot be kept as a setup-token")
        .caused_by(error)
        .hint(hint)
}

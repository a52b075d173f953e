//! Prompts: for a secret, hidden on a terminal or from standard input; for a choice, a line of text, a confirmation.
//!
//! Invariants: a secret that was read is zeroed when dropped; nothing prompts without a terminal or against `--no-input`.

use std::io::{self, IsTerminal as _, Read as _};

use inquire::{Confirm, InquireError, MultiSelect, Password, PasswordDisplayMode, Select, Text};
use keyreeve_os::environment::Environment;
use zeroize::Zeroizing;

use crate::args::SecretInput;
use crate::error::{CommandError, Exit};
use crate::variables;

/// Maximum size of standard input. No token is larger, however it was wrapped.
const MAX_STDIN_BYTES: usize = 64 * 1024;

/// Asks the user, if prompts are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prompter {
    /// Prompts on the terminal.
    Interactive,
    /// There is no terminal, or prompts are not allowed.
    NonInteractive,
}

/// Number of times a secret is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    /// Once: a typo shows as soon as the secret is used.
    Once,
    /// Twice: a typo would make the data inaccessible.
    Twice,
}

/// A prompt for a secret, and the command to run without a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretPrompt<'a> {
    /// Text of the prompt.
    pub(crate) prompt: &'a str,
    /// Number of times the secret is typed.
    pub(crate) repeat: Repeat,
    /// Command that does not prompt.
    pub(crate) command: &'a str,
}

/// Answer to a confirmation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Yes.
    Yes,
    /// No, or nothing.
    No,
}

impl Prompter {
    /// Detects whether prompts are possible: standard input and error are terminals, and neither `--no-input` nor `CI` is set.
    pub(crate) fn detect(no_input: bool, environment: &Environment) -> Self {
        let in_ci = matches!(environment.get(variables::CI), Some("true" | "1"));
        if !no_input && !in_ci && io::stdin().is_terminal() && io::stderr().is_terminal() {
            Self::Interactive
        } else {
            Self::NonInteractive
        }
    }

    /// Reads a secret from a prompt or from standard input.
    ///
    /// # Errors
    /// If prompts are not possible, the user cancels, or standard input cannot be read.
    pub(crate) fn read_secret(
        self,
        input: SecretInput,
        question: &SecretPrompt<'_>,
    ) -> Result<Zeroizing<String>, CommandError> {
        match (input, self) {
            (SecretInput::Prompt, Self::Interactive) => prompt_secret(question),
            // A plain read would echo the secret.
            (SecretInput::Stdin, Self::Interactive) if io::stdin().is_terminal() => {
                prompt_secret(question)
            }
            (SecretInput::Stdin, Self::Interactive | Self::NonInteractive) => read_stdin(),
            (SecretInput::Prompt, Self::NonInteractive) => Err(CommandError::new(
                Exit::Usage,
                "cannot prompt for the secret without a terminal",
            )
            .fix(question.command)),
        }
    }

    /// Asks for a confirmation; the answer is no if prompts are not possible.
    ///
    /// # Errors
    /// If the user cancels.
    pub(crate) fn confirm(self, question: &str) -> Result<Answer, CommandError> {
        match self {
            Self::NonInteractive => Ok(Answer::No),
            Self::Interactive => match Confirm::new(question).with_default(false).prompt() {
                Ok(true) => Ok(Answer::Yes),
                Ok(false) => Ok(Answer::No),
                Err(error) => Err(prompt_error(&error)),
            },
        }
    }

    /// Reads a secret from a prompt, or from standard input if prompts are not possible.
    ///
    /// # Errors
    /// See [`Prompter::read_secret`].
    pub(crate) fn read_secret_or_stdin(
        self,
        input: SecretInput,
        question: &SecretPrompt<'_>,
    ) -> Result<Zeroizing<String>, CommandError> {
        match (input, self) {
            (SecretInput::Prompt, Self::NonInteractive) if !io::stdin().is_terminal() => {
                read_stdin()
            }
            _ => self.read_secret(input, question),
        }
    }
}

/// A question about anything but a secret, and the command to run without a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Text of the prompt.
    pub(crate) prompt: &'a str,
    /// Command that does not prompt.
    pub(crate) command: &'a str,
}

impl Prompter {
    /// Asks for a confirmation that cannot be skipped; Enter alone means `default`.
    ///
    /// # Errors
    /// Exit 2 if prompts are not possible, exit 130 if the user cancels.
    pub(crate) fn confirm_required(
        self,
        question: Question<'_>,
        default: Answer,
    ) -> Result<Answer, CommandError> {
        self.require_interactive(question)?;
        let prompt = Confirm::new(question.prompt).with_default(default == Answer::Yes);
        match prompt.prompt() {
            Ok(true) => Ok(Answer::Yes),
            Ok(false) => Ok(Answer::No),
            Err(error) => Err(prompt_error(&error)),
        }
    }

    /// Asks to choose an option and returns its index.
    ///
    /// # Errors
    /// See [`Prompter::confirm_required`].
    pub(crate) fn choose(
        self,
        question: Question<'_>,
        options: Vec<String>,
    ) -> Result<usize, CommandError> {
        self.require_interactive(question)?;
        let chosen = Select::new(question.prompt, options)
            .without_filtering()
            .with_help_message("↑↓ to move, Enter to select, Esc to cancel")
            .raw_prompt();
        chosen
            .map(|option| option.index)
            .map_err(|error| prompt_error(&error))
    }

    /// Asks to choose any number of options, and returns their indexes; none if prompts are not possible.
    ///
    /// # Errors
    /// If the user cancels.
    pub(crate) fn choose_some(
        self,
        prompt: &str,
        options: Vec<String>,
    ) -> Result<Vec<usize>, CommandError> {
        match self {
            Self::NonInteractive => return Ok(Vec::new()),
            Self::Interactive => {}
        }
        let chosen = MultiSelect::new(prompt, options)
            .without_filtering()
            .with_help_message("↑↓ to move, Space to choose, Enter to go on, Esc to cancel")
            .raw_prompt();
        match chosen {
            Ok(chosen) => Ok(chosen.into_iter().map(|option| option.index).collect()),
            Err(error) => Err(prompt_error(&error)),
        }
    }

    /// Asks for a line of text, visibly.
    ///
    /// # Errors
    /// See [`Prompter::confirm_required`].
    pub(crate) fn read_line(self, question: Question<'_>) -> Result<String, CommandError> {
        self.require_interactive(question)?;
        let text = Text::new(question.prompt).prompt();
        text.map_err(|error| prompt_error(&error))
    }

    fn require_interactive(self, question: Question<'_>) -> Result<(), CommandError> {
        match self {
            Self::Interactive => Ok(()),
            Self::NonInteractive => Err(CommandError::new(
                Exit::Usage,
                "cannot prompt without a terminal",
            )
            .fix(question.command)),
        }
    }
}

fn prompt_secret(question: &SecretPrompt<'_>) -> Result<Zeroizing<String>, CommandError> {
    let prompt = Password::new(question.prompt).with_display_mode(PasswordDisplayMode::Hidden);
    let prompt = match question.repeat {
        Repeat::Once => prompt.without_confirmation(),
        Repeat::Twice => prompt,
    };
    match prompt.prompt() {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => Err(prompt_error(&error)),
    }
}

/// Converts the reason why there is no answer.
fn prompt_error(error: &InquireError) -> CommandError {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            CommandError::new(Exit::Interrupted, "canceled: nothing was changed")
        }
        error => CommandError::new(Exit::Failed, "cannot prompt on the terminal").caused_by(error),
    }
}

/// Reads all of standard input. Invalid UTF-8 becomes U+FFFD, which no token contains.
fn read_stdin() -> Result<Zeroizing<String>, CommandError> {
    // The buffer never grows, so that no copy of the secret remains.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_STDIN_BYTES + 1));
    io::stdin()
        .lock()
        .take(MAX_STDIN_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            CommandError::new(Exit::Failed, "cannot read standard input").caused_by(&error)
        })?;
    if bytes.len() > MAX_STDIN_BYTES {
        return Err(CommandError::new(
            Exit::Credential,
            "standard input is larger than 64 KiB, so it is not a token",
        ));
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

//! Asks the person: for what must not be an argument, by a prompt that shows nothing or from standard input; for a choice,
//! a word, a yes.
//!
//! Invariants: what is taken is overwritten when dropped; nobody is asked unless a terminal is there and asking is
//! allowed.

use std::io::{self, IsTerminal as _, Read as _};

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};
use keyreeve_core::snapshot::Environment;
use zeroize::Zeroizing;

use crate::error::{CommandError, Exit};
use crate::settings::Given;
use crate::variables;

/// More than this is not a token, however it was wrapped.
const LIMIT: usize = 64 * 1024;

/// Whether there is somebody to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// A terminal is there, and questions are allowed.
    Present,
    /// Only a program is there.
    Absent,
}

/// Whether a new secret has to be typed twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Typed {
    /// A mistake shows when it is used.
    Once,
    /// A mistake would lock it away for good.
    Twice,
}

/// What to ask for, and what to run where nobody can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// The prompt.
    pub(crate) prompt: &'a str,
    /// How often it is typed.
    pub(crate) typed: Typed,
    /// The command that gives it without a question.
    pub(crate) instead: &'a str,
}

/// What a person said to a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Yes.
    Yes,
    /// No, or nothing.
    No,
}

impl Asker {
    /// Looks whether somebody is there: standard input and error are terminals, no `--no-input`, no `CI`.
    pub(crate) fn look(no_input: bool, environment: &Environment) -> Self {
        let in_ci = matches!(environment.get(variables::CI), Some("true" | "1"));
        if !no_input && !in_ci && io::stdin().is_terminal() && io::stderr().is_terminal() {
            Self::Present
        } else {
            Self::Absent
        }
    }

    /// Takes a secret from where the person said.
    ///
    /// # Errors
    /// Where nobody can be asked, the person broke off, or standard input cannot be read.
    pub(crate) fn take(
        self,
        from: Given,
        question: &Question<'_>,
    ) -> Result<Zeroizing<String>, CommandError> {
        match (from, self) {
            (Given::Asked, Self::Present) => prompt(question),
            // A secret typed at a plain read would stand on the screen.
            (Given::Stdin, Self::Present) if io::stdin().is_terminal() => prompt(question),
            (Given::Stdin, Self::Present | Self::Absent) => standard_input(),
            (Given::Asked, Self::Absent) => Err(CommandError::new(
                Exit::Usage,
                "there is no terminal to ask for the secret on",
            )
            .hint(question.instead)),
        }
    }

    /// Asks a question; where nobody can be asked, the answer is no.
    ///
    /// # Errors
    /// Where the person broke off.
    pub(crate) fn confirm(self, question: &str) -> Result<Answer, CommandError> {
        match self {
            Self::Absent => Ok(Answer::No),
            Self::Present => match Confirm::new(question).with_default(false).prompt() {
                Ok(true) => Ok(Answer::Yes),
                Ok(false) => Ok(Answer::No),
                Err(error) => Err(not_asked(&error)),
            },
        }
    }

    /// Takes a text from the terminal where there is one, else from standard input.
    ///
    /// # Errors
    /// See [`Asker::take`].
    pub(crate) fn take_anyhow(
        self,
        from: Given,
        question: &Question<'_>,
    ) -> Result<Zeroizing<String>, CommandError> {
        match (from, self) {
            (Given::Asked, Self::Absent) if !io::stdin().is_terminal() => standard_input(),
            _ => self.take(from, question),
        }
    }
}

/// A question that is not about a secret, and what to run where nobody can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open<'a> {
    /// The prompt.
    pub(crate) prompt: &'a str,
    /// The command that needs no answer.
    pub(crate) instead: &'a str,
}

impl Asker {
    /// Asks for a yes or a no that is needed; `usually` is what Enter alone means.
    ///
    /// # Errors
    /// Exit 2 where nobody can be asked, exit 130 where the person broke off.
    pub(crate) fn agree(self, question: Open<'_>, usually: Answer) -> Result<Answer, CommandError> {
        self.present(question)?;
        let prompt = Confirm::new(question.prompt).with_default(usually == Answer::Yes);
        match prompt.prompt() {
            Ok(true) => Ok(Answer::Yes),
            Ok(false) => Ok(Answer::No),
            Err(error) => Err(not_asked(&error)),
        }
    }

    /// Asks for one of several; gives its place among them.
    ///
    /// # Errors
    /// See [`Asker::agree`].
    pub(crate) fn choose(
        self,
        question: Open<'_>,
        among: Vec<String>,
    ) -> Result<usize, CommandError> {
        self.present(question)?;
        let chosen = Select::new(question.prompt, among)
            .without_filtering()
            .with_help_message("arrows move, Enter takes, Esc stops")
            .raw_prompt();
        chosen
            .map(|option| option.index)
            .map_err(|error| not_asked(&error))
    }

    /// Asks for a word that may be seen.
    ///
    /// # Errors
    /// See [`Asker::agree`].
    pub(crate) fn word(self, question: Open<'_>) -> Result<String, CommandError> {
        self.present(question)?;
        let text = Text::new(question.prompt).prompt();
        text.map_err(|error| not_asked(&error))
    }

    fn present(self, question: Open<'_>) -> Result<(), CommandError> {
        match self {
            Self::Present => Ok(()),
            Self::Absent => Err(
                CommandError::new(Exit::Usage, "there is no terminal to ask on")
                    .hint(question.instead),
            ),
        }
    }
}

fn prompt(question: &Question<'_>) -> Result<Zeroizing<String>, CommandError> {
    let prompt = Password::new(question.prompt).with_display_mode(PasswordDisplayMode::Hidden);
    let prompt = match question.typed {
        Typed::Once => prompt.without_confirmation(),
        Typed::Twice => prompt,
    };
    match prompt.prompt() {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => Err(not_asked(&error)),
    }
}

/// Says why there is no answer.
fn not_asked(error: &InquireError) -> CommandError {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            CommandError::new(Exit::Interrupted, "stopped, nothing was changed")
        }
        error => CommandError::new(Exit::Failed, "could not ask on the terminal").caused_by(error),
    }
}

/// Reads all of standard input. What is no UTF-8 becomes U+FFFD, which no token may hold.
fn standard_input() -> Result<Zeroizing<String>, CommandError> {
    // The buffer never grows, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    io::stdin()
        .lock()
        .take(LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            CommandError::new(Exit::Failed, "could not read standard input").caused_by(&error)
        })?;
    if bytes.len() > LIMIT {
        return Err(CommandError::new(
            Exit::Credential,
            "standard input holds more than 64 KiB: that is no token",
        ));
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

//! Source of a secret that must not be an argument.

/// Source of a secret that must not be an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SecretInput {
    /// A prompt on the terminal.
    Prompt,
    /// Standard input.
    Stdin,
}

/// Returns the source for a `--stdin` option.
pub(super) fn secret_input(stdin: bool) -> SecretInput {
    if stdin {
        SecretInput::Stdin
    } else {
        SecretInput::Prompt
    }
}

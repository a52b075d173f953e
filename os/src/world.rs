//! The clock, the environment, the working directory, the terminal and randomness: the only places in the product where any of them
//! is read.

use std::os::fd::AsFd;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::snapshot::Environment;
use rustix::termios::tcgetwinsize;

/// Reads the clock. The one such call in the product.
pub fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    Timestamp::now()
}

/// Captures the environment this process was started with. The one such call in the product.
pub fn environment() -> Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let variables = std::env::vars_os();
    Environment::from_pairs(variables)
}

/// The working directory, every symbolic link followed; none where it is gone or is no text.
pub fn directory() -> Option<String> {
    let directory = std::env::current_dir().ok()?.canonicalize().ok()?;
    directory.into_os_string().into_string().ok()
}

/// The real path of a directory, every symbolic link followed; none where it is no directory or its path is no text.
pub fn real_directory(path: &Path) -> Option<String> {
    let directory = path.canonicalize().ok()?;
    let is_directory = directory.is_dir();
    let text = directory.into_os_string().into_string().ok()?;
    is_directory.then_some(text)
}

/// The program that runs now, by its real path; none where it cannot be told.
pub fn own_program() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    program.into_os_string().into_string().ok()
}

/// How many columns a terminal has; none where it is no terminal, or does not say.
pub fn columns(terminal: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Fills an array from the operating system's random generator.
///
/// # Errors
/// When the system has no randomness to give; nothing can go on then.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

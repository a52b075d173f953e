//! The clock, the environment, the working directory and randomness: the only places in the product where any of them
//! is read.

use jiff::Timestamp;
use keyreeve_core::snapshot::Environment;

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

/// Fills an array from the operating system's random generator.
///
/// # Errors
/// When the system has no randomness to give; nothing can go on then.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

//! Reads the clock, environment, working directory, terminal and randomness: the only such calls in the product.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::path::Path;

use jiff::Timestamp;
use rustix::process::geteuid;
use rustix::termios::tcgetwinsize;

use crate::environment::Environment;

/// Returns the current time. The only such call in the product.
pub fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    Timestamp::now()
}

/// Captures the environment this process was started with. The only such call in the product.
pub fn environment() -> Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    let variables = std::env::vars_os();
    Environment::from_pairs(variables)
}

/// Returns the working directory with symbolic links resolved, or `None` if it is gone or not valid UTF-8.
pub fn working_directory() -> Option<String> {
    let directory = std::env::current_dir().ok()?.canonicalize().ok()?;
    directory.into_os_string().into_string().ok()
}

/// Returns the real path of a directory, or `None` if it is not a directory or the path is not valid UTF-8.
pub fn canonical_directory(path: &Path) -> Option<String> {
    let directory = path.canonicalize().ok()?;
    let is_directory = directory.is_dir();
    let text = directory.into_os_string().into_string().ok()?;
    is_directory.then_some(text)
}

/// Returns the path of the running executable, or `None` if it is unknown to the system.
pub fn own_program() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    program.into_os_string().into_string().ok()
}

/// Returns the id of the user whose rights this process has; root is 0.
pub fn user_id() -> u32 {
    geteuid().as_raw()
}

/// Returns the width of a terminal in columns, or `None` if it is not a terminal or does not report a width.
pub fn terminal_width(terminal: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Fills an array from the operating system's random generator.
///
/// # Errors
/// If the system cannot provide randomness. Nothing can continue without it.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Number of random bytes that a thread reads ahead for ids.
const READ_AHEAD: usize = 1024;

thread_local! {
    /// Random bytes for ids, and the number of those that are left.
    static UNUSED: RefCell<([u8; READ_AHEAD], usize)> = const { RefCell::new(([0; READ_AHEAD], 0)) };
}

/// Returns random bytes for an id: unlike [`random`], mostly without a system call. The next ones are already in this
/// process's memory, so they are not for secrets.
///
/// # Errors
/// The same as for [`random`].
pub fn random_for_id<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    UNUSED.with_borrow_mut(|(bytes, left)| {
        if *left < N {
            getrandom::fill(bytes)?;
            *left = READ_AHEAD;
        }
        let unused = bytes.get(..*left).and_then(|unused| unused.last_chunk());
        match unused {
            Some(chunk) => {
                *left -= N;
                Ok(*chunk)
            }
            // More than is read ahead.
            None => random(),
        }
    })
}

/// Returns the number of cores that this process may use.
pub fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

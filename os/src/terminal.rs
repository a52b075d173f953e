//! Runs a program in a pseudo-terminal inside the user's terminal, and captures its output.
//!
//! Invariants: every byte passes both ways unchanged, and so does the window size; the user's terminal modes are
//! restored on every exit that a process can observe; the output stays in memory and is overwritten when dropped.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::panic;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::{flag, low_level};
use zeroize::{Zeroize as _, Zeroizing};

/// Maximum number of bytes of output that are captured: the last ones.
const MAX_OUTPUT: usize = 256 * 1024;
/// Number of bytes copied at a time.
const CHUNK: usize = 4096;
/// Interval at which the child and the window size are polled without input or output.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Number of poll intervals that a child gets to exit after its terminal is gone.
const EXIT_POLLS: u32 = 10;
/// Resets what a program may leave behind on the screen: colors, a hidden cursor, bracketed paste.
const RESET: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?2004l\r\n";

/// Returns `true` if this process has a controlling terminal, whose end SIGHUP reports.
pub fn has_controlling_terminal() -> bool {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open("/dev/tty", flags, Mode::empty()).is_ok()
}

/// The result of a program that ran in a pseudo-terminal.
pub struct TerminalRun {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its output, or the last part of it.
    pub output: Zeroizing<Vec<u8>>,
}

/// A program that could not run in a pseudo-terminal.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// There is no terminal, or the system has no pseudo-terminal left.
    #[error("no terminal is available")]
    NoTerminal(#[source] io::Error),
    /// The program could not be started.
    #[error("cannot start the program")]
    Start(#[source] io::Error),
    /// Output or input could not be forwarded.
    #[error("cannot forward terminal input or output")]
    Forward(#[source] io::Error),
    /// A signal ended this process, or the user's terminal went away.
    #[error("interrupted")]
    Interrupted,
}

/// Runs a program until it exits: the user's input goes to it and its output goes to standard error; standard input and
/// standard error must be terminals.
///
/// # Errors
/// [`TerminalError`]. The program is then terminated.
pub fn run_in_pty(mut command: Command) -> Result<TerminalRun, TerminalError> {
    let stdin = io::stdin();
    let signals = SignalFlags::install().map_err(TerminalError::NoTerminal)?;
    let original_modes = tcgetattr(&stdin).map_err(no_terminal)?;
    let (master, slave) = open_pty(stdin.as_fd(), &original_modes).map_err(no_terminal)?;
    attach_pty(&mut command, &slave).map_err(TerminalError::Start)?;
    let mut child = command.spawn().map_err(TerminalError::Start)?;
    // These copies of the slave end would keep it open.
    drop((command, slave));
    let raw = RawMode::enter(original_modes);
    let mut output = OutputTail::new();
    let result = match &raw {
        Ok(_) => copy_until_exit(&master, &mut child, &signals, &mut output),
        Err(error) => Err(no_terminal(*error)),
    };
    drop(master);
    let status = match result {
        Ok(()) => child.wait().map_err(TerminalError::Forward),
        Err(error) => {
            terminate(&mut child);
            Err(error)
        }
    };
    if !matches!(&status, Ok(status) if status.success()) {
        // A terminal that went away needs no reset.
        let _gone = io::stderr().write_all(RESET);
    }
    drop(raw);
    Ok(TerminalRun {
        status: status?,
        output: output.0,
    })
}

fn no_terminal(error: Errno) -> TerminalError {
    TerminalError::NoTerminal(error.into())
}

/// Opens a pseudo-terminal with the modes and the size of the user's terminal; returns its master and slave ends.
fn open_pty(stdin: BorrowedFd<'_>, modes: &Termios) -> Result<(OwnedFd, OwnedFd), Errno> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(&*name, flags, Mode::empty())?;
    tcsetattr(&slave, OptionalActions::Now, modes)?;
    tcsetwinsize(&slave, tcgetwinsize(stdin)?)?;
    Ok((master, slave))
}

/// Connects the standard streams of the command to the pseudo-terminal and makes it the controlling terminal.
fn attach_pty(command: &mut Command, slave: &OwnedFd) -> io::Result<()> {
    command
        .stdin(Stdio::from(slave.try_clone()?))
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(Stdio::from(slave.try_clone()?));
    let new_session = || {
        setsid()?;
        ioctl_tiocsctty(io::stdin())?;
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "there is no safe call that gives a child a controlling terminal"
    )]
    // SAFETY: between fork and exec only these two system calls are made; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(new_session);
    }
    Ok(())
}

/// Copies input and output until the program has exited.
fn copy_until_exit(
    master: &OwnedFd,
    child: &mut Child,
    signals: &SignalFlags,
    output: &mut OutputTail,
) -> Result<(), TerminalError> {
    let stdin = io::stdin();
    let mut chunk = Zeroizing::new([0; CHUNK]);
    let interval = Timespec::try_from(POLL_INTERVAL).map_err(|_| TerminalError::Interrupted)?;
    loop {
        if signals.stop.load(Ordering::Relaxed) {
            return Err(TerminalError::Interrupted);
        }
        if signals.resized.swap(false, Ordering::Relaxed)
            && let Ok(size) = tcgetwinsize(&stdin)
        {
            // A wrong window size only affects the layout.
            let _wrong_layout = tcsetwinsize(master, size);
        }
        let (has_input, has_output) = {
            let mut polled = [
                PollFd::new(&stdin, PollFlags::IN),
                PollFd::new(master, PollFlags::IN),
            ];
            match poll(&mut polled, Some(&interval)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(TerminalError::Forward(error.into())),
            }
            (
                !polled[0].revents().is_empty(),
                !polled[1].revents().is_empty(),
            )
        };
        if has_output {
            let Some(count) = read_count(rustix::io::read(master, chunk.as_mut()))? else {
                return Ok(());
            };
            output.push(&chunk[..count]);
            let written = io::stderr().write_all(&chunk[..count]);
            written.map_err(TerminalError::Forward)?;
        } else if child.try_wait().map_err(TerminalError::Forward)?.is_some() {
            // A background process it started still has the terminal open.
            return Ok(());
        }
        if has_input {
            let Some(count) = read_count(rustix::io::read(&stdin, chunk.as_mut()))? else {
                return Err(TerminalError::Interrupted);
            };
            write_all(master, &chunk[..count])?;
        }
    }
}

/// Returns the number of bytes read, or `None` if the other end is closed.
fn read_count(read: Result<usize, Errno>) -> Result<Option<usize>, TerminalError> {
    match read {
        Ok(0) | Err(Errno::IO) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(error) => Err(TerminalError::Forward(error.into())),
    }
}

fn write_all(master: &OwnedFd, mut input: &[u8]) -> Result<(), TerminalError> {
    while !input.is_empty() {
        match rustix::io::write(master, input) {
            Ok(count) => input = &input[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(TerminalError::Forward(error.into())),
        }
    }
    Ok(())
}

/// Terminates a program whose terminal is gone: it received SIGHUP for that, and is killed if it does not exit.
fn terminate(child: &mut Child) {
    for _ in 0..EXIT_POLLS {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        sleep(POLL_INTERVAL);
    }
    let _already_exited = child.kill();
    let _reaped = child.wait();
}

/// The last bytes of the output.
struct OutputTail(Zeroizing<Vec<u8>>);

impl OutputTail {
    fn new() -> Self {
        // Allocated once: growing would leave copies in freed memory.
        Self(Zeroizing::new(Vec::with_capacity(MAX_OUTPUT)))
    }

    fn push(&mut self, chunk: &[u8]) {
        let bytes = &mut *self.0;
        if bytes.len() + chunk.len() > MAX_OUTPUT {
            let (start, retained) = (bytes.len() - MAX_OUTPUT / 2, MAX_OUTPUT / 2);
            bytes.copy_within(start.., 0);
            bytes[retained..].zeroize();
            bytes.truncate(retained);
        }
        bytes.extend_from_slice(chunk);
    }
}

/// The user's terminal in raw mode; dropping it restores the original modes.
struct RawMode(Termios);

impl RawMode {
    fn enter(original: Termios) -> Result<Self, Errno> {
        let mut raw = original.clone();
        raw.make_raw();
        let (previous_hook, modes) = (panic::take_hook(), original.clone());
        panic::set_hook(Box::new(move |info| {
            restore(&modes);
            previous_hook(info);
        }));
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(original))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore(&self.0);
    }
}

fn restore(modes: &Termios) {
    // A terminal that went away has no modes to restore.
    let _gone = tcsetattr(io::stdin(), OptionalActions::Now, modes);
}

/// Flags set by signals while the program runs; dropping them restores the default action of each signal.
struct SignalFlags {
    stop: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
    restored: Arc<AtomicBool>,
    handlers: Vec<signal_hook::SigId>,
}

impl SignalFlags {
    fn install() -> io::Result<Self> {
        let mut signals = Self {
            stop: Arc::default(),
            resized: Arc::default(),
            restored: Arc::default(),
            handlers: Vec::new(),
        };
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            // Once a handler was installed, only this restores the default action of ending the process.
            flag::register_conditional_default(signal, Arc::clone(&signals.restored))?;
            let id = flag::register(signal, Arc::clone(&signals.stop))?;
            signals.handlers.push(id);
        }
        let id = flag::register(SIGWINCH, Arc::clone(&signals.resized))?;
        signals.handlers.push(id);
        Ok(signals)
    }
}

impl Drop for SignalFlags {
    fn drop(&mut self) {
        self.restored.store(true, Ordering::Relaxed);
        for id in &self.handlers {
            low_level::unregister(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_output_is_retained() {
        let mut output = OutputTail::new();
        for number in 0..200_u8 {
            output.push(&[number; CHUNK]);
        }
        assert!(output.0.len() <= MAX_OUTPUT && output.0.len() >= MAX_OUTPUT / 2);
        assert_eq!(output.0.capacity(), MAX_OUTPUT);
        assert!(output.0.ends_with(&[199; CHUNK]));
        assert!(output.0.is_sorted(), "in the order of arrival");
    }
}

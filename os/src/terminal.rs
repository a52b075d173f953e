//! Runs a program in a terminal of its own inside the person's, and keeps what it printed.
//!
//! Invariants: every byte passes both ways unchanged, and the size of the window with them; the person's terminal has its
//! modes back on every way out that a process can see; what was printed stays in memory and is overwritten when dropped.

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

/// So much of what was printed last is kept, at the most.
const KEPT: usize = 256 * 1024;
/// So many bytes are passed on at a time.
const PIECE: usize = 4096;
/// How often the program and the window are looked at where nothing is said.
const LOOK: Duration = Duration::from_millis(100);
/// A program whose terminal is gone may take so long to end, in looks.
const LAST_LOOKS: u32 = 10;
/// What a program may have left behind on the screen is undone: colours, a hidden cursor, marked pastes.
const CALM: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?2004l\r\n";

/// How a program in a terminal of its own ended.
pub struct Watched {
    /// Its exit.
    pub status: ExitStatus,
    /// What it printed, or the last of it.
    pub printed: Zeroizing<Vec<u8>>,
}

/// Why a program could not be run in a terminal of its own.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// There is no terminal here, or the system has none left.
    #[error("there is no terminal to run it in")]
    NoTerminal(#[source] io::Error),
    /// It could not be started.
    #[error("it could not be started")]
    Start(#[source] io::Error),
    /// What it printed or what was typed could not be passed on.
    #[error("the terminal could not be passed on to it")]
    Pass(#[source] io::Error),
    /// Somebody stopped us, or the person's terminal went away.
    #[error("it was stopped")]
    Stopped,
}

/// Runs a program to its end: standard input is what the person types, and what it prints goes to standard error, both of
/// which must be terminals.
///
/// # Errors
/// [`TerminalError`]. The program is ended then.
pub fn watch(mut command: Command) -> Result<Watched, TerminalError> {
    let person = io::stdin();
    let signals = Signals::take().map_err(TerminalError::NoTerminal)?;
    let before = tcgetattr(&person).map_err(no_terminal)?;
    let (ours, theirs) = pair(person.as_fd(), &before).map_err(no_terminal)?;
    seat(&mut command, &theirs).map_err(TerminalError::Start)?;
    let mut child = command.spawn().map_err(TerminalError::Start)?;
    // Its copies of the terminal would keep it open for ever.
    drop((command, theirs));
    let raw = Raw::enter(before);
    let mut kept = Kept::new();
    let ended = match &raw {
        Ok(_) => pass(&ours, &mut child, &signals, &mut kept),
        Err(error) => Err(no_terminal(*error)),
    };
    drop(ours);
    let status = match ended {
        Ok(()) => child.wait().map_err(TerminalError::Pass),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    };
    if !matches!(&status, Ok(status) if status.success()) {
        // A terminal that went away needs no calming.
        let _gone = io::stderr().write_all(CALM);
    }
    drop(raw);
    Ok(Watched {
        status: status?,
        printed: kept.0,
    })
}

fn no_terminal(error: Errno) -> TerminalError {
    TerminalError::NoTerminal(error.into())
}

/// Opens a terminal that is like the person's: our end, and the program's.
fn pair(person: BorrowedFd<'_>, modes: &Termios) -> Result<(OwnedFd, OwnedFd), Errno> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(&*name, flags, Mode::empty())?;
    tcsetattr(&theirs, OptionalActions::Now, modes)?;
    tcsetwinsize(&theirs, tcgetwinsize(person)?)?;
    Ok((ours, theirs))
}

/// Makes the terminal all that the program has, and the one that sends it signals.
fn seat(command: &mut Command, theirs: &OwnedFd) -> io::Result<()> {
    command
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs.try_clone()?))
        .stderr(Stdio::from(theirs.try_clone()?));
    let own_session = || {
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
        command.pre_exec(own_session);
    }
    Ok(())
}

/// Passes everything on, both ways, until the program has ended.
fn pass(
    ours: &OwnedFd,
    child: &mut Child,
    signals: &Signals,
    kept: &mut Kept,
) -> Result<(), TerminalError> {
    let person = io::stdin();
    let mut piece = Zeroizing::new([0; PIECE]);
    let tick = Timespec::try_from(LOOK).map_err(|_| TerminalError::Stopped)?;
    loop {
        if signals.stop.load(Ordering::Relaxed) {
            return Err(TerminalError::Stopped);
        }
        if signals.resized.swap(false, Ordering::Relaxed)
            && let Ok(size) = tcgetwinsize(&person)
        {
            // A window of a size that cannot be passed on is only drawn badly.
            let _drawn_badly = tcsetwinsize(ours, size);
        }
        let (typed, printed) = {
            let mut watched = [
                PollFd::new(&person, PollFlags::IN),
                PollFd::new(ours, PollFlags::IN),
            ];
            match poll(&mut watched, Some(&tick)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(TerminalError::Pass(error.into())),
            }
            (
                !watched[0].revents().is_empty(),
                !watched[1].revents().is_empty(),
            )
        };
        if printed {
            let Some(count) = took(rustix::io::read(ours, piece.as_mut()))? else {
                return Ok(());
            };
            kept.keep(&piece[..count]);
            let written = io::stderr().write_all(&piece[..count]);
            written.map_err(TerminalError::Pass)?;
        } else if child.try_wait().map_err(TerminalError::Pass)?.is_some() {
            // Something it left running still has the terminal open.
            return Ok(());
        }
        if typed {
            let Some(count) = took(rustix::io::read(&person, piece.as_mut()))? else {
                return Err(TerminalError::Stopped);
            };
            hand_over(ours, &piece[..count])?;
        }
    }
}

/// How many bytes were read; none where nobody has the other end open any more.
fn took(read: Result<usize, Errno>) -> Result<Option<usize>, TerminalError> {
    match read {
        Ok(0) | Err(Errno::IO) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(error) => Err(TerminalError::Pass(error.into())),
    }
}

fn hand_over(ours: &OwnedFd, mut typed: &[u8]) -> Result<(), TerminalError> {
    while !typed.is_empty() {
        match rustix::io::write(ours, typed) {
            Ok(count) => typed = &typed[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(TerminalError::Pass(error.into())),
        }
    }
    Ok(())
}

/// Ends a program whose terminal is gone: it was told so by that, and is killed if it stays.
fn end(child: &mut Child) {
    for _ in 0..LAST_LOOKS {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        sleep(LOOK);
    }
    let _gone = child.kill();
    let _waited = child.wait();
}

/// The last of what was printed.
struct Kept(Zeroizing<Vec<u8>>);

impl Kept {
    fn new() -> Self {
        // All of it at once: growing would leave parts behind in freed memory.
        Self(Zeroizing::new(Vec::with_capacity(KEPT)))
    }

    fn keep(&mut self, piece: &[u8]) {
        let bytes = &mut *self.0;
        if bytes.len() + piece.len() > KEPT {
            let (from, left) = (bytes.len() - KEPT / 2, KEPT / 2);
            bytes.copy_within(from.., 0);
            bytes[left..].zeroize();
            bytes.truncate(left);
        }
        bytes.extend_from_slice(piece);
    }
}

/// The person's terminal, which passes on what is typed as it is.
struct Raw(Termios);

impl Raw {
    fn enter(before: Termios) -> Result<Self, Errno> {
        let mut raw = before.clone();
        raw.make_raw();
        let (told, modes) = (panic::take_hook(), before.clone());
        panic::set_hook(Box::new(move |panicked| {
            restore(&modes);
            told(panicked);
        }));
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore(&self.0);
    }
}

fn restore(modes: &Termios) {
    // A terminal that went away needs no modes.
    let _gone = tcsetattr(io::stdin(), OptionalActions::Now, modes);
}

/// What we are told by signals while a program is watched; afterwards they do again what they usually do.
struct Signals {
    stop: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    taken: Vec<signal_hook::SigId>,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let mut signals = Self {
            stop: Arc::default(),
            resized: Arc::default(),
            over: Arc::default(),
            taken: Vec::new(),
        };
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            // Once there was a handler, the system's own way to end a process comes back by this alone.
            flag::register_conditional_default(signal, Arc::clone(&signals.over))?;
            let id = flag::register(signal, Arc::clone(&signals.stop))?;
            signals.taken.push(id);
        }
        let id = flag::register(SIGWINCH, Arc::clone(&signals.resized))?;
        signals.taken.push(id);
        Ok(signals)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for id in &self.taken {
            low_level::unregister(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_what_was_printed_is_kept() {
        let mut kept = Kept::new();
        for number in 0..200_u8 {
            kept.keep(&[number; PIECE]);
        }
        assert!(kept.0.len() <= KEPT && kept.0.len() >= KEPT / 2);
        assert_eq!(kept.0.capacity(), KEPT);
        assert!(kept.0.ends_with(&[199; PIECE]));
        assert!(kept.0.is_sorted(), "in the order it came in");
    }
}

//! A pseudoterminal for one command, on which a test types like a user.
//!
//! Invariants: an answer is typed only after its prompt has appeared on the screen, because the terminal itself would
//! echo earlier input; everything on the screen is written to a file of the home.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Poll interval for the screen.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// `EIO`: result of reading the screen after the last process has closed the terminal.
const EIO: i32 = 5;

/// Keys that a test types after a prompt.
#[derive(Clone, Copy, Debug)]
pub struct TerminalInput<'a> {
    /// Part of the prompt.
    pub prompt: &'a str,
    /// Keys, including the final carriage return.
    pub keys: &'a [u8],
}

/// A pseudoterminal that a test closes, as a user closes a window.
pub struct ClosableTerminal {
    pty: OwnedFd,
    tty: OwnedFd,
}

impl ClosableTerminal {
    /// Opens a terminal.
    pub fn open() -> Self {
        let (pty, tty) = open_pair();
        Self { pty, tty }
    }

    /// Returns a standard stream at this terminal. A process of its own session with this as standard input gets it as its
    /// controlling terminal with `setsid --ctty`.
    pub fn stream(&self) -> Stdio {
        copy(&self.tty)
    }

    /// Closes the terminal: the session at it receives SIGHUP.
    pub fn close(self) {
        drop(self.pty);
    }
}

/// The test's side of a pseudoterminal.
pub(crate) struct Terminal {
    pty: File,
    screen: File,
    shown: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal with this many columns and attaches it to all standard streams of `command`. `screen` receives
    /// all output.
    pub(crate) fn attach(command: &mut Command, screen: File, columns: u16) -> Self {
        let (pty, tty) = open_pair();
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&tty, size).expect("a terminal's size can be set");
        let flags = fcntl_getfl(&pty).expect("a terminal's flags can be read");
        fcntl_setfl(&pty, flags | OFlags::NONBLOCK).expect("a terminal can be made nonblocking");
        command
            .stdin(copy(&tty))
            .stdout(copy(&tty))
            .stderr(copy(&tty));
        Self {
            pty: pty.into(),
            screen,
            shown: Vec::new(),
        }
    }

    /// Types each input after its prompt has appeared, and reads until the last process has closed the terminal.
    pub(crate) fn type_inputs(&mut self, inputs: &[TerminalInput<'_>], timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let (mut inputs, mut matched_to) = (inputs.iter(), 0);
        let mut next = inputs.next();
        while Instant::now() < deadline && self.watch() {
            let Some(input) = next else { continue };
            if let Some(at) = find(&self.shown[matched_to..], input.prompt.as_bytes()) {
                matched_to += at + input.prompt.len();
                let _typed_or_closed = self.pty.write_all(input.keys);
                next = inputs.next();
            }
        }
    }

    /// Reads new output of the screen; returns `false` at its end.
    fn watch(&mut self) -> bool {
        let mut chunk = [0; 4 << 10];
        match self.pty.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                let chunk = &chunk[..count];
                self.shown.extend_from_slice(chunk);
                self.screen
                    .write_all(chunk)
                    .expect("the screen file is writable");
                true
            }
            Err(error) if error.raw_os_error() == Some(EIO) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                std::thread::sleep(POLL_INTERVAL);
                true
            }
        }
    }
}

/// Opens the test's side and the command's side of a new terminal.
fn open_pair() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let pty = openpt(flags).expect("a terminal is available");
    grantpt(&pty).expect("a new terminal can be granted");
    unlockpt(&pty).expect("a new terminal can be unlocked");
    let name = ptsname(&pty, Vec::new()).expect("a terminal has a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let tty = open(&*name, flags, Mode::empty()).expect("a new terminal can be opened");
    (pty, tty)
}

fn copy(tty: &OwnedFd) -> Stdio {
    let copy = tty.as_fd().try_clone_to_owned();
    copy.expect("a descriptor can be copied").into()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|at| at == part)
}

//! A terminal of a command's own, at which a test types what a person would.
//!
//! Invariants: an answer is typed only once its prompt stands on the screen, since what comes earlier would be echoed
//! by the terminal itself; whatever reaches the screen is kept in a file of the home.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(3);

/// `EIO`: what reading a screen answers once nobody has the terminal open any more.
const NOBODY_LEFT: i32 = 5;

/// What a test types once a prompt is shown.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    /// A part of the prompt.
    pub prompt: &'a str,
    /// The keys, with the carriage return that ends them.
    pub keys: &'a [u8],
}

/// Our end of a terminal.
pub(crate) struct Terminal {
    ours: File,
    screen: File,
    seen: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal of so many columns and makes it all that `command` reads and writes. The screen goes into a file.
    pub(crate) fn of(command: &mut Command, screen: File, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).expect("the system has a terminal left");
        grantpt(&ours).expect("a terminal of ours can be granted");
        unlockpt(&ours).expect("a terminal of ours can be unlocked");
        let name = ptsname(&ours, Vec::new()).expect("a terminal has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(&*name, flags, Mode::empty()).expect("a terminal of ours can be opened");
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&theirs, size).expect("a terminal takes a size");
        let flags = fcntl_getfl(&ours).expect("a terminal tells its flags");
        fcntl_setfl(&ours, flags | OFlags::NONBLOCK).expect("a terminal need not wait");
        command
            .stdin(copy(&theirs))
            .stdout(copy(&theirs))
            .stderr(copy(&theirs));
        Self {
            ours: ours.into(),
            screen,
            seen: Vec::new(),
        }
    }

    /// Types each answer once its prompt is shown, and watches until nobody has the terminal open any more.
    pub(crate) fn converse(&mut self, answers: &[Typed<'_>], limit: Duration) {
        let until = Instant::now() + limit;
        let (mut answers, mut read_to) = (answers.iter(), 0);
        let mut next = answers.next();
        while Instant::now() < until && self.watch() {
            let Some(answer) = next else { continue };
            if let Some(at) = find(&self.seen[read_to..], answer.prompt.as_bytes()) {
                read_to += at + answer.prompt.len();
                let _taken_or_gone = self.ours.write_all(answer.keys);
                next = answers.next();
            }
        }
    }

    /// Takes what is new on the screen; false when there will be nothing more.
    fn watch(&mut self) -> bool {
        let mut piece = [0; 4 << 10];
        match self.ours.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                let piece = &piece[..count];
                self.seen.extend_from_slice(piece);
                self.screen.write_all(piece).expect("a file takes bytes");
                true
            }
            Err(error) if error.raw_os_error() == Some(NOBODY_LEFT) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                std::thread::sleep(LOOK);
                true
            }
        }
    }
}

fn copy(theirs: &OwnedFd) -> Stdio {
    let copy = theirs.as_fd().try_clone_to_owned();
    copy.expect("a descriptor can be copied").into()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|at| at == part)
}

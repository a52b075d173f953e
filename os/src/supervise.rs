//! Stays beside a program that was started: hears of its end, passes signals on, stops when it stops.
//!
//! The program stays in our process group, so that the terminal, job control and pipelines are the shell's as ever. What
//! the terminal sends, it sends to the whole group: the program has it already.
//!
//! Invariant: a signal goes only to a program that nobody has heard the end of, so its number cannot be another's yet.

use std::io;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpgrp, getpid, kill_process, waitid, waitpid,
};
use rustix::termios::tcgetpgrp;

/// A program that was started here.
#[derive(Debug)]
pub struct Supervised {
    pid: Pid,
    lives: Mutex<Lives>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lives {
    StillOrUnheard,
    NoMore,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was stopped, by a terminal or by itself, and may go on one day.
    Stopped,
    /// It ended, with this exit code: its own, or 128 and the number of the signal that killed it.
    Ended(u8),
}

/// A signal that is passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passed {
    /// SIGHUP
    Hangup,
    /// SIGINT
    Interrupt,
    /// SIGQUIT
    Quit,
    /// SIGTERM
    Terminate,
    /// SIGUSR1
    User1,
    /// SIGUSR2
    User2,
    /// SIGTSTP
    Suspend,
    /// SIGCONT
    Continue,
    /// SIGWINCH
    WindowChange,
}

impl Passed {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Hangup,
        Self::Interrupt,
        Self::Quit,
        Self::Terminate,
        Self::User1,
        Self::User2,
        Self::Suspend,
        Self::Continue,
        Self::WindowChange,
    ];

    /// The system's number.
    pub fn number(self) -> i32 {
        self.signal().as_raw()
    }

    fn signal(self) -> Signal {
        match self {
            Self::Hangup => Signal::HUP,
            Self::Interrupt => Signal::INT,
            Self::Quit => Signal::QUIT,
            Self::Terminate => Signal::TERM,
            Self::User1 => Signal::USR1,
            Self::User2 => Signal::USR2,
            Self::Suspend => Signal::TSTP,
            Self::Continue => Signal::CONT,
            Self::WindowChange => Signal::WINCH,
        }
    }

    /// Whether a terminal sends it, to all of the group in front.
    fn comes_from_terminals(self) -> bool {
        match self {
            Self::Interrupt | Self::Quit | Self::Suspend | Self::WindowChange => true,
            // A terminal that is gone sends the first one too; hearing it twice ends nobody twice.
            Self::Hangup | Self::Terminate | Self::User1 | Self::User2 | Self::Continue => false,
        }
    }
}

impl Supervised {
    pub(crate) fn of(child: &Child) -> Self {
        Self {
            pid: Pid::from_child(child),
            lives: Mutex::new(Lives::StillOrUnheard),
        }
    }

    /// Waits for the next change. After [`Change::Ended`] there is none.
    ///
    /// # Errors
    /// When there is no such child any more.
    pub fn wait(&self) -> io::Result<Change> {
        loop {
            let kinds = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(self.pid), kinds) {
                Err(rustix::io::Errno::INTR) => continue,
                waited => waited?,
            };
            let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
            let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
            let Some((_, status)) = waitpid(Some(self.pid), options)? else {
                continue;
            };
            if status.stopped() {
                return Ok(Change::Stopped);
            }
            *lives = Lives::NoMore;
            let killed = status.terminating_signal().map(|signal| 128 + signal);
            let code = status.exit_status().or(killed).map(u8::try_from);
            return Ok(Change::Ended(code.and_then(Result::ok).unwrap_or(u8::MAX)));
        }
    }

    /// Passes a signal on, unless the program has it already.
    pub fn pass(&self, passed: Passed) {
        if passed.comes_from_terminals() && is_in_front() {
            return;
        }
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        match *lives {
            // One that is about to be heard of cannot be told anything any more.
            Lives::StillOrUnheard => {
                let _gone_already = kill_process(self.pid, passed.signal());
            }
            Lives::NoMore => {}
        }
    }
}

/// Stops this process, as the program did, until somebody continues it: the shell then has its terminal back.
pub fn stop_too() {
    // Nobody can be kept from this.
    let _always_works = kill_process(getpid(), Signal::STOP);
}

/// Whether we are in the group that our terminal sends its signals to.
fn is_in_front() -> bool {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    open("/dev/tty", flags, Mode::empty())
        .and_then(tcgetpgrp)
        .is_ok_and(|front| front == getpgrp())
}

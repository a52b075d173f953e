//! Supervises a child process: waits for its exit, forwards signals to it, stops when it stops.
//!
//! The child stays in our process group, so that the terminal, job control and pipelines work as the shell expects: the
//! terminal sends its signals to the whole group, and the child gets them directly.
//!
//! Invariant: a signal is sent only to a child that has not been reaped, so its process id cannot have been reused.

use std::io;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpgrp, getpid, kill_process, waitid, waitpid,
};
use rustix::termios::tcgetpgrp;

/// A child process that was started here.
#[derive(Debug)]
pub struct ChildProcess {
    pid: Pid,
    state: Mutex<ChildState>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ChildState {
    NotReaped,
    Reaped,
}

/// A state change of a child process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildEvent {
    /// It was stopped, by the terminal or by itself, and may be continued later.
    Stopped,
    /// It exited with this code: its own, or 128 plus the number of the signal that killed it.
    Ended(u8),
}

/// A signal that is forwarded to the child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForwardedSignal {
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

impl ForwardedSignal {
    /// All forwarded signals.
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

    /// Returns the signal number.
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

    /// Returns `true` if terminals send it, to the whole foreground process group.
    fn is_sent_by_terminals(self) -> bool {
        match self {
            Self::Interrupt | Self::Quit | Self::Suspend | Self::WindowChange => true,
            // A terminal that goes away sends SIGHUP too; receiving it twice does no harm.
            Self::Hangup | Self::Terminate | Self::User1 | Self::User2 | Self::Continue => false,
        }
    }
}

impl ChildProcess {
    pub(crate) fn from_child(child: &Child) -> Self {
        Self {
            pid: Pid::from_child(child),
            state: Mutex::new(ChildState::NotReaped),
        }
    }

    /// Waits for the next state change. After [`ChildEvent::Ended`] there is no further one.
    ///
    /// # Errors
    /// If the child no longer exists.
    pub fn wait(&self) -> io::Result<ChildEvent> {
        loop {
            let kinds = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(self.pid), kinds) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result?,
            };
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
            let Some((_, status)) = waitpid(Some(self.pid), options)? else {
                continue;
            };
            if status.stopped() {
                return Ok(ChildEvent::Stopped);
            }
            *state = ChildState::Reaped;
            let killed = status.terminating_signal().map(|signal| 128 + signal);
            let code = status.exit_status().or(killed).map(u8::try_from);
            return Ok(ChildEvent::Ended(
                code.and_then(Result::ok).unwrap_or(u8::MAX),
            ));
        }
    }

    /// Forwards a signal, unless the terminal sends it to the child directly.
    pub fn forward(&self, signal: ForwardedSignal) {
        if signal.is_sent_by_terminals() && is_foreground() {
            return;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            // The child may have exited without being reaped yet; the signal then has no effect.
            ChildState::NotReaped => {
                let _already_exited = kill_process(self.pid, signal.signal());
            }
            ChildState::Reaped => {}
        }
    }
}

/// Stops this process, as its child did, until it is continued, so that the shell gets its terminal back.
pub fn stop_self() {
    // SIGSTOP to oneself cannot fail.
    let _cannot_fail = kill_process(getpid(), Signal::STOP);
}

/// Returns `true` if this process is in the foreground process group of its terminal.
fn is_foreground() -> bool {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    open("/dev/tty", flags, Mode::empty())
        .and_then(tcgetpgrp)
        .is_ok_and(|foreground| foreground == getpgrp())
}

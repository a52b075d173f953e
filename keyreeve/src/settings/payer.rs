//! The commands about who pays: what was typed, parsed once, ready to use.

use std::path::PathBuf;

use keyreeve_core::advise::Use;
use keyreeve_core::claude_code::Arguments;
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Client, Expected};

use crate::args;

pub(crate) use crate::args::HookShell;

/// `status`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Status {
    pub(crate) started: Started,
    /// How much to say.
    pub(crate) detail: Detail,
    /// What the exit code is for.
    pub(crate) exit: ExitTells,
}

/// How much `status` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Detail {
    /// The first line.
    Line,
    /// `keyreeve` alone.
    Short,
    /// `keyreeve status`.
    Full,
    /// Also the places in which nothing is set.
    All,
}

/// What the exit code of `status` tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ExitTells {
    /// That it could be said.
    Said,
    /// Whether the next request can be paid, and by whom is meant; none: whom the directory is bound to.
    Payable(Option<Expected>),
}

/// A client, and how it is started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Started {
    /// Whose chain to follow.
    pub(crate) client: Client,
    /// How the client would be started.
    pub(crate) arguments: Arguments,
}

/// `guard`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Guard {
    pub(crate) started: Started,
    /// None: whom the directory is bound to.
    pub(crate) expect: Option<Expected>,
}

/// `bind`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bind {
    pub(crate) directory: PathBuf,
    pub(crate) profile: Option<Name>,
    pub(crate) expect: Option<Expected>,
}

impl Status {
    /// What `keyreeve` alone says.
    pub(super) fn short() -> Self {
        Self {
            started: Started {
                client: Client::CLAUDE_CODE,
                arguments: Arguments::default(),
            },
            detail: Detail::Short,
            exit: ExitTells::Said,
        }
    }

    pub(super) fn of(typed: args::Status) -> Self {
        Self {
            started: Started::of(&typed.started),
            detail: match (typed.brief, typed.all) {
                (true, _) => Detail::Line,
                (false, true) => Detail::All,
                (false, false) => Detail::Full,
            },
            exit: if typed.check {
                ExitTells::Payable(typed.expect)
            } else {
                ExitTells::Said
            },
        }
    }
}

impl Started {
    /// Arguments count only where some were given: without, a client is one that a script starts.
    fn of(typed: &args::Started) -> Self {
        if typed.arguments.is_empty() {
            return Self {
                client: typed.client,
                arguments: Arguments::default(),
            };
        }
        let arguments = Arguments::read(typed.arguments.iter().map(String::as_str));
        Self {
            client: typed.client.started_with(&arguments),
            arguments,
        }
    }
}

impl Guard {
    pub(super) fn of(typed: args::Guard) -> Self {
        Self {
            started: Started::of(&typed.started),
            expect: typed.expect,
        }
    }
}

impl Bind {
    pub(super) fn of(typed: args::Bind) -> Self {
        Self {
            directory: typed.directory,
            profile: typed.profile,
            expect: typed.expect,
        }
    }
}

/// What the credential is wanted for.
pub(super) fn wanted(typed: args::Wanted) -> Use {
    match typed {
        args::Wanted::Interactive => Use::Interactive,
        args::Wanted::Ci => Use::Ci,
        args::Wanted::Bare => Use::Bare,
        args::Wanted::Gateway => Use::Gateway,
        args::Wanted::Rotating => Use::Rotating,
        args::Wanted::Shared => Use::Shared,
    }
}

//! Settings of the commands about who pays: `status`, `guard`, `bind`, `advise`.

use std::path::PathBuf;

use keyreeve_core::expected::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::advise::UseCase;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::resolve::ClientProgram;

use crate::args;

pub(crate) use crate::args::HookShell;

/// Settings of `status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Status {
    pub(crate) started: ClientStart,
    /// Level of detail.
    pub(crate) detail: StatusDetail,
    /// Meaning of the exit code.
    pub(crate) exit: StatusExit,
}

/// Level of detail of `status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StatusDetail {
    /// Only the first line.
    Line,
    /// For `keyreeve` without a command.
    Short,
    /// For `keyreeve status`.
    Full,
    /// Includes the steps in which nothing is set.
    All,
}

/// Meaning of the exit code of `status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StatusExit {
    /// 0 if the status could be determined.
    Reported,
    /// 0 if the expected payer would pay the next request. `None`: the payer of the directory's binding.
    Payable(Option<Expected>),
}

/// A client, and how it is started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ClientStart {
    /// Client whose chain is followed.
    pub(crate) client: ClientProgram,
    /// Arguments the client would be started with.
    pub(crate) arguments: Arguments,
}

/// Settings of `guard`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Guard {
    pub(crate) started: ClientStart,
    /// `None`: that of the directory's binding.
    pub(crate) expect: Option<Expected>,
}

/// Settings of `bind`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bind {
    pub(crate) directory: PathBuf,
    pub(crate) profile: Option<Name>,
    pub(crate) expect: Option<Expected>,
}

impl Status {
    /// Returns the settings of `keyreeve` without a command.
    pub(super) fn short() -> Self {
        Self {
            started: ClientStart {
                client: ClientProgram::CLAUDE_CODE,
                arguments: Arguments::default(),
            },
            detail: StatusDetail::Short,
            exit: StatusExit::Reported,
        }
    }

    pub(super) fn from_args(typed: args::StatusArgs) -> Self {
        Self {
            started: ClientStart::from_args(&typed.client),
            detail: match (typed.brief, typed.all) {
                (true, _) => StatusDetail::Line,
                (false, true) => StatusDetail::All,
                (false, false) => StatusDetail::Full,
            },
            exit: if typed.check {
                StatusExit::Payable(typed.expect)
            } else {
                StatusExit::Reported
            },
        }
    }
}

impl ClientStart {
    /// Converts the arguments. Without arguments for it, the client counts as started by a script.
    fn from_args(typed: &args::ClientArgs) -> Self {
        if typed.arguments.is_empty() {
            return Self {
                client: typed.client,
                arguments: Arguments::default(),
            };
        }
        let arguments = Arguments::parse(typed.arguments.iter().map(String::as_str));
        Self {
            client: typed.client.with_arguments(&arguments),
            arguments,
        }
    }
}

impl Guard {
    pub(super) fn from_args(typed: args::GuardArgs) -> Self {
        Self {
            started: ClientStart::from_args(&typed.client),
            expect: typed.expect,
        }
    }
}

impl Bind {
    pub(super) fn from_args(typed: args::BindArgs) -> Self {
        Self {
            directory: typed.directory,
            profile: typed.profile,
            expect: typed.expect,
        }
    }
}

/// Converts the use case of `advise`.
pub(super) fn use_case(typed: args::UseCaseArg) -> UseCase {
    match typed {
        args::UseCaseArg::Interactive => UseCase::Interactive,
        args::UseCaseArg::Ci => UseCase::Ci,
        args::UseCaseArg::Bare => UseCase::Bare,
        args::UseCaseArg::Gateway => UseCase::Gateway,
        args::UseCaseArg::Rotating => UseCase::Rotating,
        args::UseCaseArg::Shared => UseCase::Shared,
    }
}

//! The parts to add, from flags.

use std::path::PathBuf;

use keyreeve_core::binding::Expected;
use keyreeve_resolver::protect::Shell;

use crate::args::{Consent, HookShell, ProtectArgs};
use crate::context::Context;

/// A part of the protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Comments out exported credentials.
    StrayKeys,
    /// Binds a directory.
    Binding,
    /// Loads the shell hook.
    Hook,
    /// Sets the status line.
    StatusLine,
    /// Makes `claude` obey the binding.
    Claude,
}

impl Part {
    /// Every part, in the order in which they are offered.
    pub(super) const IN_ORDER: [Self; 5] = [
        Self::StrayKeys,
        Self::Binding,
        Self::Hook,
        Self::StatusLine,
        Self::Claude,
    ];
}

/// The way in which plain `claude` obeys the binding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClaudeEntry {
    /// A shell function.
    Function,
    /// A program on `PATH`.
    Shim,
}

/// The parts to add, and whether to ask.
#[derive(Debug)]
pub(crate) struct ProtectChoices {
    parts: Vec<Part>,
    consent: Consent,
    pub(super) payer: Option<Expected>,
    pub(super) directory: Option<PathBuf>,
    pub(super) login: Option<PathBuf>,
    pub(super) entry: ClaudeEntry,
    /// `true` if a flag of its own asks for [`Part::Claude`].
    pub(super) names_claude: bool,
    pub(super) shells: Vec<Shell>,
}

impl ProtectChoices {
    /// Returns the choices that flags make. The shell is that of the user, unless flags name others.
    pub(crate) fn from_args(args: ProtectArgs, context: &Context) -> Self {
        let binds = args.bind.is_some() || args.directory.is_some();
        let flags = [
            (args.fix, Part::StrayKeys),
            (binds, Part::Binding),
            (args.hook, Part::Hook),
            (args.status_line, Part::StatusLine),
            (args.claude || args.shim, Part::Claude),
        ];
        let chosen = flags.into_iter().filter(|(flag, _)| *flag || args.all);
        let shells = args.shell.into_iter().map(|shell| match shell {
            HookShell::Bash => Shell::Bash,
            HookShell::Zsh => Shell::Zsh,
            HookShell::Fish => Shell::Fish,
        });
        Self {
            parts: chosen.map(|(_, part)| part).collect(),
            consent: args.consent,
            names_claude: args.claude || args.shim,
            payer: args.bind,
            directory: args.directory,
            login: args.login,
            entry: if args.shim {
                ClaudeEntry::Shim
            } else {
                ClaudeEntry::Function
            },
            shells: or_users_shell(shells.collect(), context),
        }
    }

    /// Returns the choices that offer every part.
    pub(crate) fn offer_all(context: &Context) -> Self {
        Self {
            parts: Vec::new(),
            consent: Consent::Ask,
            payer: None,
            directory: None,
            login: None,
            entry: ClaudeEntry::Function,
            names_claude: false,
            shells: or_users_shell(Vec::new(), context),
        }
    }

    /// Returns whether each change is a question.
    pub(crate) fn consent(&self) -> Consent {
        self.consent
    }

    /// Returns `true` if parts are chosen; without any, all are offered.
    pub(crate) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(super) fn includes(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

fn or_users_shell(mut shells: Vec<Shell>, context: &Context) -> Vec<Shell> {
    if shells.is_empty() {
        shells.extend(Shell::of_user(&context.snapshot.environment));
    }
    shells.sort_unstable();
    shells.dedup();
    shells
}

//! keyreeve's own program in the commands that other programs run.
//!
//! Invariant: the program is named by its absolute path as one shell word, so that no directory can substitute another.

use keyreeve_os::system;
use keyreeve_resolver::protect::StatusLineCommand;

use crate::args::EnvShell;
use crate::shell_quoting::quote;

/// Returns keyreeve's own program, quoted for a shell.
pub(crate) fn own_program(shell: EnvShell) -> String {
    let program = system::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    quote(shell, &program)
}

/// Returns the status line that runs this program. Claude Code runs the command with `/bin/sh`.
pub(crate) fn own_status_line() -> StatusLineCommand {
    StatusLineCommand {
        command: format!("{} statusline", own_program(EnvShell::Bash)),
    }
}

//! The startup files of shells, and the blocks that `protect` adds to them (docs/facts.md#shell-files).
//!
//! Invariants: a block does nothing for another user, such as root, in a script or without keyreeve; a program that the shell starts, such as
//! an editor, gets nothing of it, except from the shim that the user asked for.

use std::path::{Path, PathBuf};

use keyreeve_os::environment::Environment;

use super::shell_block::{BlockKind, ShellBlock};

/// A shell that can be protected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The values in a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockValues<'a> {
    /// keyreeve's program, quoted for the shell.
    pub program: &'a str,
    /// The directory of the shims, quoted for the shell.
    pub shims: &'a str,
    /// The only user whose shells it changes.
    pub user_id: u32,
}

impl Shell {
    /// Returns the shell that the user starts by default, or `None` for one that cannot be protected.
    pub fn of_user(environment: &Environment) -> Option<Self> {
        let program = environment.get("SHELL")?.rsplit('/').next()?;
        let mut shells = [Self::Bash, Self::Zsh, Self::Fish].into_iter();
        shells.find(|shell| shell.name() == program)
    }

    /// Returns its name, which is also that of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// Returns the startup file of its interactive shells.
    pub fn startup_file(self, home: &Path, environment: &Environment) -> PathBuf {
        let directory = |name: &str| {
            let path = Path::new(environment.get(name)?);
            path.is_absolute().then(|| path.to_owned())
        };
        match self {
            Self::Bash => home.join(".bashrc"),
            Self::Zsh => directory("ZDOTDIR")
                .unwrap_or_else(|| home.to_owned())
                .join(".zshrc"),
            Self::Fish => directory("XDG_CONFIG_HOME")
                .unwrap_or_else(|| home.join(".config"))
                .join("fish/config.fish"),
        }
    }

    /// Returns a block with these values.
    pub fn block(self, kind: BlockKind, values: BlockValues<'_>) -> ShellBlock {
        let BlockValues {
            program,
            shims,
            user_id,
        } = values;
        let name = self.name();
        let statement = match (self, kind) {
            (Self::Bash | Self::Zsh, BlockKind::Hook) => {
                format!("  eval \"$({program} hook {name})\"\n")
            }
            // An alias would be used instead of the function.
            (Self::Bash | Self::Zsh, BlockKind::ClaudeFunction) => format!(
                "  unalias claude 2>/dev/null\n  function claude {{ {program} exec -- claude \"$@\"; }}\n"
            ),
            (Self::Bash | Self::Zsh, BlockKind::ClaudeShim) => {
                format!("  export PATH={shims}:\"$PATH\"\n")
            }
            (Self::Fish, BlockKind::Hook) => format!("    {program} hook fish | source\n"),
            (Self::Fish, BlockKind::ClaudeFunction) => {
                format!("    function claude; {program} exec -- claude $argv; end\n")
            }
            (Self::Fish, BlockKind::ClaudeShim) => {
                format!("    set -gx PATH {shims} $PATH\n")
            }
        };
        let body = match self {
            Self::Bash => {
                format!(
                    "if [[ $- == *i* && $EUID -eq {user_id} && -x {program} ]]; then\n{statement}fi\n"
                )
            }
            Self::Zsh => format!(
                "if [[ -o interactive && $EUID -eq {user_id} && -x {program} ]]; then\n{statement}fi\n"
            ),
            Self::Fish => format!(
                "if status is-interactive; and test \"$EUID\" = {user_id}; and test -x {program}\n{statement}end\n"
            ),
        };
        ShellBlock::new(kind, body)
    }
}

/// Returns the shim `claude`: `mark` is its first lines, `program` is keyreeve and `shims` the shim's own directory, both
/// quoted for `/bin/sh`. For another user, and without keyreeve, it starts the program itself.
pub fn shim_script(mark: &str, program: &str, shims: &str) -> String {
    format!(
        "{mark}: starts claude with the account that should pay. `keyreeve protect --undo` removes it.\n\
         if [ -x {program} ] && [ -O \"$0\" ]; then\n  exec {program} exec -- claude \"$@\"\nfi\n\
         IFS=:\nfor directory in $PATH; do\n  \
         if [ \"$directory\" != {shims} ] && [ -x \"$directory/claude\" ]; then\n    \
         exec \"$directory/claude\" \"$@\"\n  fi\ndone\n\
         echo 'claude: not found' >&2\nexit 127\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_file_follows_the_shells_variables() {
        let environment = |pairs: &[(&str, &str)]| Environment::from_pairs(pairs.iter().copied());
        let set = [
            ("SHELL", "/usr/bin/zsh"),
            ("ZDOTDIR", "/z"),
            ("XDG_CONFIG_HOME", "/c"),
        ];
        let home = Path::new("/h");
        for (shell, by_default, by_variable) in [
            (Shell::Bash, "/h/.bashrc", "/h/.bashrc"),
            (Shell::Zsh, "/h/.zshrc", "/z/.zshrc"),
            (
                Shell::Fish,
                "/h/.config/fish/config.fish",
                "/c/fish/config.fish",
            ),
        ] {
            let file = |pairs| shell.startup_file(home, &environment(pairs));
            assert_eq!(file(&[]), Path::new(by_default));
            assert_eq!(file(&set), Path::new(by_variable));
        }
        assert_eq!(Shell::of_user(&environment(&set)), Some(Shell::Zsh));
        assert_eq!(
            Shell::of_user(&environment(&[("SHELL", "/bin/dash")])),
            None
        );
    }
}

//! `hook`: prints a shell hook that reports when a change of the directory or the environment changes who pays.
//!
//! Invariants: a hook starts keyreeve only if the directory or a watched variable has changed; it prints nothing if nothing changed or keyreeve fails; it runs the program that printed it, by its
//! absolute path, so that no directory can substitute another.

use keyreeve_os::system;
use keyreeve_resolver::protect::WATCHED_PREFIXES;

use crate::args::{EnvShell, HookShell};
use crate::context::Context;
use crate::error::CommandError;
use crate::shell_quoting::quote;

/// Placeholder for the program's path in the scripts.
const PROGRAM: &str = "@PROGRAM@";

/// Placeholder for the watched variables in the scripts.
const VARIABLES: &str = "@VARIABLES@";

pub(super) fn run(shell: HookShell, context: &Context) -> Result<(), CommandError> {
    let program = system::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    Ok(context.output.verbatim(&script(shell, &program))?)
}

fn script(shell: HookShell, program: &str) -> String {
    let (script, shell) = match shell {
        HookShell::Bash => (include_str!("bash.sh"), EnvShell::Bash),
        HookShell::Zsh => (include_str!("zsh.sh"), EnvShell::Zsh),
        HookShell::Fish => (include_str!("fish.fish"), EnvShell::Fish),
    };
    script
        .replace(VARIABLES, &variables(shell))
        .replace(PROGRAM, &quote(shell, program))
}

/// Returns the watched variables in a shell's syntax: the names with each prefix for bash, else a pattern.
fn variables(shell: EnvShell) -> String {
    match shell {
        EnvShell::Bash => WATCHED_PREFIXES
            .map(|prefix| format!("\"${{!{prefix}@}}\""))
            .join(" "),
        EnvShell::Zsh | EnvShell::Fish | EnvShell::Powershell => WATCHED_PREFIXES.join("|"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_stays_one_word() {
        for (shell, program, word) in [
            (HookShell::Bash, "/a b/$(c)'d", r"'/a b/$(c)'\''d'"),
            (HookShell::Zsh, "/a b/$(c)'d", r"'/a b/$(c)'\''d'"),
            (HookShell::Fish, r"/a b/\'c", r"'/a b/\\\'c'"),
        ] {
            let script = script(shell, program);
            assert!(
                script.contains(&format!("({word} status --brief")),
                "{script}"
            );
        }
    }

    #[test]
    fn every_script_runs_the_program() {
        for shell in [HookShell::Bash, HookShell::Zsh, HookShell::Fish] {
            let script = script(shell, "/opt/keyreeve");
            assert!(
                script.contains("('/opt/keyreeve' status --brief"),
                "{script}"
            );
            assert!(
                !script.contains(PROGRAM) && !script.contains(VARIABLES),
                "{script}"
            );
        }
    }
}

//! `hook`: a shell's hook, which tells when a change of directory changes who pays.
//!
//! Invariants: a hook says nothing where nothing changed and nothing where keyreeve fails; it runs the program that printed
//! it, by its whole path, so that no directory can put another in its place.

use keyreeve_os::world;

use super::quoting::quoted;
use crate::error::CommandError;
use crate::settings::{HookShell, Shell};
use crate::wiring::World;

/// Where the program's path stands in a script.
const PROGRAM: &str = "@PROGRAM@";

pub(super) fn run(shell: HookShell, world: &World) -> Result<(), CommandError> {
    let program = world::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    Ok(world.output.verbatim(&script(shell, &program))?)
}

fn script(shell: HookShell, program: &str) -> String {
    let (script, shell) = match shell {
        HookShell::Bash => (include_str!("bash.sh"), Shell::Bash),
        HookShell::Zsh => (include_str!("zsh.sh"), Shell::Zsh),
        HookShell::Fish => (include_str!("fish.fish"), Shell::Fish),
    };
    script.replace(PROGRAM, &quoted(shell, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word() {
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
            assert!(!script.contains(PROGRAM), "{script}");
        }
    }
}

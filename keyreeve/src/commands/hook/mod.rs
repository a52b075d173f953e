//! `hook`: a shell's hook, which tells when a change of directory changes who pays.
//!
//! Invariants: a hook says nothing where nothing changed and nothing where keyreeve fails; it runs the program that printed
//! it, by its whole path, so that no directory can put another in its place.

use keyreeve_os::world;

use crate::error::CommandError;
use crate::settings::HookShell;
use crate::wiring::World;

/// Where the program's path stands in a script.
const PROGRAM: &str = "@PROGRAM@";

pub(super) fn run(shell: HookShell, world: &World) -> Result<(), CommandError> {
    let program = world::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    Ok(world.output.verbatim(&script(shell, &program))?)
}

fn script(shell: HookShell, program: &str) -> String {
    let (script, quoted) = match shell {
        HookShell::Bash => (include_str!("bash.sh"), quoted(program)),
        HookShell::Zsh => (include_str!("zsh.sh"), quoted(program)),
        HookShell::Fish => (include_str!("fish.fish"), quoted_for_fish(program)),
    };
    script.replace(PROGRAM, &quoted)
}

/// A word of bash and zsh that means exactly this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word of fish that means exactly this text.
fn quoted_for_fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word() {
        assert_eq!(quoted("/a b/$(c)'d"), r"'/a b/$(c)'\''d'");
        assert_eq!(quoted_for_fish(r"/a b/\'c"), r"'/a b/\\\'c'");
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

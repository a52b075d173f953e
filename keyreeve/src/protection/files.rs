//! The parts that are in files: the shell hook, the status line, and `claude` itself.

use std::path::{Path, PathBuf};

use keyreeve_broker::admin::protection::{Addition, ProtectionError, plan_edit};
use keyreeve_os::{programs, system};
use keyreeve_resolver::protect::{BlockKind, BlockValues, Shell, ShellBlock, shim_script};

use super::choices::ClaudeEntry;
use super::{Run, skipped};
use crate::args::EnvShell;
use crate::dirs;
use crate::error::CommandError;
use crate::fix::backup_label;
use crate::output::{Line, abbreviate_home};
use crate::own_command::{own_program, own_status_line};
use crate::prompt::Answer;
use crate::shell_quoting::quote;

/// Adds the shell hook.
pub(super) fn add_hook(run: &mut Run<'_>) -> Result<(), CommandError> {
    let question = "Load the hook, which warns if the wrong account would pay?";
    add_blocks(run, BlockKind::Hook, question)
}

/// Adds the status line to Claude Code's settings.
pub(super) fn add_status_line(run: &mut Run<'_>) -> Result<(), CommandError> {
    let home = dirs::user_home(&run.context.snapshot.environment)?;
    let directory = run.context.snapshot.environment.get("CLAUDE_CONFIG_DIR");
    let directory = directory.map(PathBuf::from).filter(|it| it.is_absolute());
    let directory = directory.unwrap_or_else(|| home.join(".claude"));
    let line = own_status_line();
    add(
        run,
        &directory.join("settings.json"),
        Addition::StatusLine(&line),
        "Show who pays in Claude Code's status line?",
    )
    .map(drop)
}

/// Makes plain `claude` obey the binding.
pub(super) fn add_claude(run: &mut Run<'_>) -> Result<(), CommandError> {
    let path = run.context.snapshot.environment.get("PATH");
    if programs::find("claude", path.unwrap_or_default()).is_none() {
        let text = "`claude` is not on PATH, so it is not replaced by one that obeys the binding";
        run.context.output.note(text);
        return Ok(());
    }
    if system::user_id() == 0 && !run.choices.names_claude {
        let text = "`claude` is not changed for root. If you want that, pass `--claude`.";
        run.context.output.note(text);
        return Ok(());
    }
    match run.choices.entry {
        ClaudeEntry::Function => add_blocks(
            run,
            BlockKind::ClaudeFunction,
            "Define `claude` as a function that obeys the binding?",
        ),
        ClaudeEntry::Shim => {
            let shims = shim_directory(run)?;
            let program = own_program(EnvShell::Bash);
            let quoted = quote(EnvShell::Bash, &shims.to_string_lossy());
            let script = shim_script(programs::SHIM_MARK, &program, &quoted);
            let shim = shims.join("claude");
            let question = "Create this program, which obeys the binding?";
            match add(run, &shim, Addition::Shim(&script), question)? {
                Answer::Yes => {
                    make_executable(&shim)?;
                    let question = "Put its directory first on PATH?";
                    add_blocks(run, BlockKind::ClaudeShim, question)
                }
                Answer::No => Ok(()),
            }
        }
    }
}

fn make_executable(shim: &Path) -> Result<(), CommandError> {
    Ok(keyreeve_os::files::make_executable(shim)?)
}

fn shim_directory(run: &Run<'_>) -> Result<PathBuf, CommandError> {
    Ok(run.context.dirs()?.data.join("shims"))
}

/// Adds a block to the startup file of each shell.
fn add_blocks(run: &mut Run<'_>, kind: BlockKind, question: &str) -> Result<(), CommandError> {
    let home = dirs::user_home(&run.context.snapshot.environment)?;
    if run.choices.shells.is_empty() {
        let text =
            "Your shell is not bash, zsh or fish. Pass `--shell SHELL` for one that you use.";
        run.context.output.note(text);
    }
    for shell in run.choices.shells.clone() {
        let path = shell.startup_file(&home, &run.context.snapshot.environment);
        let block = block(shell, kind, run)?;
        add(run, &path, Addition::Block(&block), question)?;
    }
    Ok(())
}

fn block(shell: Shell, kind: BlockKind, run: &Run<'_>) -> Result<ShellBlock, CommandError> {
    let syntax = match shell {
        Shell::Bash => EnvShell::Bash,
        Shell::Zsh => EnvShell::Zsh,
        Shell::Fish => EnvShell::Fish,
    };
    let shims = shim_directory(run)?;
    let shims = quote(syntax, &shims.to_string_lossy());
    let values = BlockValues {
        program: &own_program(syntax),
        shims: &shims,
        user_id: system::user_id(),
    };
    Ok(shell.block(kind, values))
}

/// Shows an addition, asks about it and makes it. The answer is yes if it is there already.
fn add(
    run: &mut Run<'_>,
    path: &Path,
    addition: Addition<'_>,
    question: &str,
) -> Result<Answer, CommandError> {
    let home = run.context.home().map(str::to_owned);
    let planned = match plan_edit(path, addition) {
        Ok(Some(planned)) => planned,
        Ok(None) => {
            let text = format!("Already there: {} in {}", name(addition), path.display());
            run.context
                .output
                .write(&[skipped(&text, home.as_deref())])?;
            return Ok(Answer::Yes);
        }
        Err(ProtectionError::StatusLine { path, source }) => {
            let path = path.display();
            let text = format!(
                "No status line is added to {path}: {source}. `keyreeve statusline --print-settings` prints ours."
            );
            run.context
                .output
                .write(&[skipped(&text, home.as_deref())])?;
            return Ok(Answer::No);
        }
        Err(ProtectionError::File(error)) => {
            let text = format!("Skipped {}: {error}", path.display());
            run.context
                .output
                .write(&[skipped(&text, home.as_deref())])?;
            return Ok(Answer::No);
        }
        Err(error) => return Err(error.into()),
    };
    let title = if planned.is_new_file() {
        "new file"
    } else {
        "+++"
    };
    let file = planned.path().display().to_string();
    let file = abbreviate_home(&file, home.as_deref());
    let mut lines = vec![Line::Data(format!("{title} {file}"))];
    let inserted = planned.inserted().trim_matches('\n').lines();
    lines.extend(inserted.map(|line| Line::Data(format!("+{line}"))));
    run.context.output.write(&lines)?;
    let answer = run.ask(question)?;
    match answer {
        Answer::No => {}
        Answer::Yes => {
            let file = planned.path().to_owned();
            let backup = run
                .protection
                .apply(planned, &backup_label(&run.snapshot))?;
            let backup = backup.map_or_else(String::new, |backup| {
                format!("; backup: {}", backup.display())
            });
            let text = format!("Added the {} to {}{backup}", name(addition), file.display());
            run.changed(&text);
        }
    }
    Ok(answer)
}

fn name(addition: Addition<'_>) -> &'static str {
    match addition {
        Addition::Block(block) => block.kind().name(),
        Addition::StatusLine(_) => "status line",
        Addition::Shim(_) => "shim",
    }
}

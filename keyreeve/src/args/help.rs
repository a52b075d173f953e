//! Help texts: the commands by group, the help of one command, and the error for a name that is no command.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::Cli;
use crate::error::{CommandError, Exit};
use crate::suggestion::did_you_mean;

/// The groups of `keyreeve --help`, each with its commands.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Who pays",
        &[
            "status",
            "guard",
            "exec",
            "env",
            "ask",
            "protect",
            "bind",
            "unbind",
            "bindings",
            "hook",
            "statusline",
            "advise",
        ],
    ),
    ("Credentials", &["profile", "import", "check", "inspect"]),
    (
        "Gateway and keys",
        &["serve", "key", "connect", "helper", "credential", "sandbox"],
    ),
    ("Usage and limits", &["usage", "requests", "limits"]),
    (
        "Setup and maintenance",
        &[
            "onboard",
            "doctor",
            "store",
            "config",
            "completions",
            "version",
            "help",
        ],
    ),
];

/// Width of the column of command names.
const NAME_WIDTH: usize = 11;

/// Returns the command line as clap parses it, with its commands grouped in the help.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let groups = group_texts(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Global options:\n{{options}}{{after-help}}"
    ))
}

/// Returns the text that `COMMAND --help` prints, where `path` is the command and its subcommands.
///
/// # Errors
/// Exit 2 if there is no such command.
pub(crate) fn help_of(path: &[String]) -> Result<String, CommandError> {
    let root = command();
    path.iter().try_fold(&root, |parent, name| {
        let subcommand = parent.find_subcommand(name);
        subcommand.ok_or_else(|| unknown_command(parent, name))
    })?;
    let words = ["keyreeve"]
        .into_iter()
        .chain(path.iter().map(String::as_str));
    match root.try_get_matches_from(words.chain(["--help"])) {
        Err(help) => Ok(help.render().to_string()),
        Ok(_) => Ok(String::new()),
    }
}

/// Returns the command and subcommands that were typed, by their own names: `["key", "add"]`.
pub(crate) fn subcommand_path(arguments: &[OsString]) -> Vec<String> {
    let mut command = Cli::command();
    let mut path = Vec::new();
    for argument in arguments.iter().skip(1).map(|word| word.to_string_lossy()) {
        if let Some(subcommand) = command.find_subcommand(&*argument).cloned() {
            path.push(subcommand.get_name().to_owned());
            command = subcommand;
        } else if !argument.starts_with('-') {
            break;
        }
    }
    path
}

/// Returns the error for a name that is no subcommand of `parent`, with the most similar one.
pub(super) fn unknown_command(parent: &clap::Command, name: &str) -> CommandError {
    let names = parent.get_subcommands().flat_map(|command| {
        std::iter::once(command.get_name()).chain(command.get_visible_aliases())
    });
    let suggestion = did_you_mean(name, names);
    let help = match parent.get_name() {
        "keyreeve" => "keyreeve help".to_owned(),
        group => format!("keyreeve help {group}"),
    };
    CommandError::new(Exit::Usage, format!("unknown command `{name}`{suggestion}"))
        .hint(format!("`{help}` lists the commands"))
}

fn group_texts(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{title}:");
        for subcommand in names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let name = subcommand.get_name();
            let about = subcommand.get_about().map(ToString::to_string);
            let aliases: Vec<&str> = subcommand.get_visible_aliases().collect();
            let aliases = match aliases.as_slice() {
                [] => String::new(),
                aliases => format!(" [alias: {}]", aliases.join(", ")),
            };
            let about = about.unwrap_or_default();
            let _ = writeln!(text, "  {name:<NAME_WIDTH$}  {about}{aliases}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    /// Calls `check` with the path and the command of every command, groups included.
    fn for_each(
        command: &mut clap::Command,
        path: &str,
        check: &mut impl FnMut(&str, &mut clap::Command),
    ) {
        check(path, command);
        for subcommand in command.get_subcommands_mut() {
            let path = format!("{path} {}", subcommand.get_name());
            for_each(subcommand, &path, check);
        }
    }

    #[test]
    fn every_visible_command_is_in_exactly_one_group() {
        let command = Cli::command();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let visible = command.get_subcommands().filter(|it| !it.is_hide_set());
        let mut visible: Vec<&str> = visible.map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        visible.sort_unstable();
        assert_eq!(grouped, visible);
    }

    #[test]
    fn every_command_has_an_example() {
        let mut without = Vec::new();
        for_each(&mut Cli::command(), "keyreeve", &mut |path, command| {
            let help = command.get_after_help().map(ToString::to_string);
            let has_example = help.is_some_and(|help| {
                let mut lines = help.lines();
                lines.any(|line| line == "Example:" || line == "Examples:")
                    && lines.next().is_some_and(|line| line.contains("keyreeve "))
            });
            if !has_example && !command.has_subcommands() {
                without.push(path.to_owned());
            }
        });
        assert_eq!(without, [""; 0]);
    }

    #[test]
    fn help_fits_eighty_columns() {
        let mut root = command();
        root.build();
        let mut too_wide = Vec::new();
        for_each(&mut root, "keyreeve", &mut |path, command| {
            let after_help = command.get_after_help().map(ToString::to_string);
            let after_help = after_help.unwrap_or_default();
            let helps = [command.render_help(), command.render_long_help()];
            let helps = helps.map(|help| help.to_string());
            for help in helps.into_iter().chain([after_help]) {
                let wide = help.lines().filter(|line| line.width() > 80);
                too_wide.extend(wide.map(|line| format!("{path}: {line}")));
            }
        });
        assert_eq!(too_wide, [""; 0]);
    }

    #[test]
    fn typed_words_lead_to_a_command() {
        for (typed, path) in [
            ("keyreeve", ""),
            ("keyreeve keys --json add x", "key add"),
            ("keyreeve log --limit 0", "requests"),
            ("keyreeve --nonsense", ""),
        ] {
            let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(subcommand_path(&typed).join(" "), path);
        }
    }
}

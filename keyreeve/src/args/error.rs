//! Errors of the command line, worded for people.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::help::{command, subcommand_path, unknown_command};
use crate::error::{CommandError, Exit};
use crate::problem::is_predicate;

/// Converts an error of clap, given what was typed.
pub(crate) fn usage_error(error: &clap::Error, arguments: &[OsString]) -> CommandError {
    let path = subcommand_path(arguments);
    if error.kind() == ErrorKind::InvalidSubcommand {
        let name = first(error, ContextKind::InvalidSubcommand);
        let root = command();
        let parent = path
            .iter()
            .try_fold(&root, |command, name| command.find_subcommand(name));
        return unknown_command(parent.unwrap_or(&root), &name);
    }
    if let Some(problem) = value_problem(error) {
        return CommandError::new(Exit::Usage, problem);
    }
    let mut help = vec!["keyreeve".to_owned()];
    help.extend(path);
    help.push("--help".to_owned());
    CommandError::new(Exit::Usage, message(error)).hint(format!("See `{}`", help.join(" ")))
}

/// Returns the problem that one of our value parsers found, if its text is a complete sentence with the argument's name.
fn value_problem(error: &clap::Error) -> Option<String> {
    let reason = error.source()?.to_string();
    let argument = first(error, ContextKind::InvalidArg);
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    let name = name.trim_matches(['<', '>', '[', ']', '.']);
    is_predicate(&reason).then(|| format!("`{name}` {reason}"))
}

fn message(error: &clap::Error) -> String {
    let argument = || option(&first(error, ContextKind::InvalidArg));
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing = all(error, ContextKind::InvalidArg);
            let plural = if missing.len() == 1 { "" } else { "s" };
            format!("missing argument{plural} {}", missing.join(" "))
        }
        ErrorKind::InvalidValue => invalid_value(error, &argument()),
        ErrorKind::ValueValidation => {
            let value = first(error, ContextKind::InvalidValue);
            let reason = error.source().map(|source| format!(": {source}"));
            let reason = reason.unwrap_or_default();
            format!("invalid value `{value}` for {}{reason}", argument())
        }
        ErrorKind::UnknownArgument => {
            let unknown = first(error, ContextKind::InvalidArg);
            let kind = if unknown.starts_with('-') {
                "unknown option"
            } else {
                "unexpected argument"
            };
            let suggestion = match first(error, ContextKind::SuggestedArg) {
                suggested if suggested.is_empty() => suggested,
                suggested => format!(". Did you mean {}?", option(&suggested)),
            };
            format!("{kind} `{unknown}`{suggestion}")
        }
        ErrorKind::ArgumentConflict => {
            let others = all(error, ContextKind::PriorArg);
            let others: Vec<String> = others.iter().map(|other| option(other)).collect();
            if others.is_empty() || others == [argument()] {
                return format!("{} is given more than once", argument());
            }
            format!("{} cannot be used with {}", argument(), others.join(", "))
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    }
}

fn invalid_value(error: &clap::Error, argument: &str) -> String {
    let value = first(error, ContextKind::InvalidValue);
    let possible = all(error, ContextKind::ValidValue);
    let possible = match possible.as_slice() {
        [] => String::new(),
        [only] => format!(". Use {only}"),
        [others @ .., last] => format!(". Use {} or {last}", others.join(", ")),
    };
    if value.is_empty() {
        return format!("{argument} needs a value{possible}");
    }
    format!("invalid value `{value}` for {argument}{possible}")
}

/// Returns the name of an argument as it is typed: `--strategy` of `--strategy <STRATEGY>`.
fn option(argument: &str) -> String {
    let name = argument.split([' ', '=', '[']).next().unwrap_or_default();
    if argument.starts_with('-') {
        format!("`{name}`")
    } else {
        argument.to_owned()
    }
}

fn first(error: &clap::Error, kind: ContextKind) -> String {
    all(error, kind).into_iter().next().unwrap_or_default()
}

fn all(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_argument_and_the_fix() {
        for (typed, expected) in [
            (
                "prfile",
                "unknown command `prfile`. Did you mean `profile`?",
            ),
            ("xyz", "unknown command `xyz`"),
            ("key ad", "unknown command `ad`. Did you mean `add`?"),
            (
                "status --forx x",
                "unknown option `--forx`. Did you mean `--for`?",
            ),
            ("profile list extra", "unexpected argument `extra`"),
            ("profile resume", "missing argument <NAME>"),
            ("profile rename", "missing arguments <NAME> <NEW_NAME>"),
            ("bind", "missing argument --profile <NAME>"),
            (
                "key add x --allow-billing cash",
                "invalid value `cash` for `--allow-billing`. Use metered, cloud or gateway",
            ),
            (
                "key add x --strategy",
                "`--strategy` needs a value. Use ordered or spread",
            ),
            (
                "key add x --pass-through --strategy spread",
                "`--pass-through` cannot be used with `--strategy`",
            ),
            ("usage --by key --by day", "`--by` is given more than once"),
            (
                "requests --limit 0",
                "invalid value `0` for `--limit`: 0 is not in 1..=10000",
            ),
        ] {
            let words = std::iter::once("keyreeve").chain(typed.split(' '));
            let words: Vec<OsString> = words.map(OsString::from).collect();
            let error = command().try_get_matches_from(&words).unwrap_err();
            let error = usage_error(&error, &words);
            assert_eq!(error.lines().next().unwrap().1, expected, "{typed}");
        }
    }
}

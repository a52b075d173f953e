//! The error for a name that is no command, with a suggestion.

use crate::error::{CommandError, Exit};

/// Commands that are less alike are no suggestion.
const MIN_SIMILARITY: f64 = 0.7;

/// Returns the error for a name that is no subcommand of `parent`, with the most similar one.
pub(super) fn unknown_command(parent: &clap::Command, name: &str) -> CommandError {
    let names = parent.get_subcommands().flat_map(|command| {
        std::iter::once(command.get_name()).chain(command.get_visible_aliases())
    });
    let nearest = names
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let suggestion = nearest.map_or_else(String::new, |(_, candidate)| {
        format!(". Did you mean `{candidate}`?")
    });
    let help = match parent.get_name() {
        "keyreeve" => "keyreeve help".to_owned(),
        group => format!("keyreeve help {group}"),
    };
    CommandError::new(Exit::Usage, format!("unknown command `{name}`{suggestion}"))
        .hint(format!("`{help}` lists the commands"))
}

//! A new virtual key, with its secret.

use std::io;

use keyreeve_broker::wire::KeyView;
use keyreeve_core::secret::Secret;

use crate::output::{Format, KEY_PLACEHOLDER, Line, Output};

/// Prints the secret of a new key, the only time it is ever shown, and how to use it.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print_new_key(key: &KeyView, secret: &Secret, output: &Output) -> io::Result<()> {
    match output.format() {
        Format::Json => output.reveal_document(key, secret),
        Format::Human => {
            output.reveal(KEY_PLACEHOLDER, secret)?;
            output.write(&next_step(key))
        }
    }
}

fn next_step(key: &KeyView) -> Vec<Line> {
    let name = &key.name;
    let client = match key.profiles.as_slice() {
        [] => "pass-through",
        _ => "claude-code",
    };
    vec![
        Line::Success(format!("Secret of key `{name}`. It is not shown again.")),
        Line::Hint(format!(
            "Connect a client: `keyreeve connect {client} --key {name}`"
        )),
    ]
}

//! A new virtual key, with its secret.

use keyreeve_broker::admin::keys::find_key;
use keyreeve_broker::wire::KeyView;
use keyreeve_core::profile::Name;
use keyreeve_core::secret::Secret;
use keyreeve_os::system::now;
use keyreeve_store::Store;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Format, KEY_PLACEHOLDER};

/// Prints a new key, the only time it is ever shown.
pub(crate) fn print_new_key(
    name: &Name,
    secret: &Secret,
    store: &Store,
    context: &Context,
) -> Result<(), CommandError> {
    let policy = store.policy()?;
    let key = find_key(&policy, name)?;
    if context.output.format() == Format::Json {
        return Ok(context
            .output
            .reveal_document(&KeyView::new(key, &policy, now()), secret)?);
    }
    context.output.reveal(KEY_PLACEHOLDER, secret)?;
    context
        .output
        .success(&format!("Secret of key `{name}`. It is not shown again."));
    let client = match key.profiles.as_slice() {
        [] => "pass-through",
        _ => "claude-code",
    };
    context.output.hint(&format!(
        "Connect a client: `keyreeve connect {client} --key {name}`"
    ));
    Ok(())
}

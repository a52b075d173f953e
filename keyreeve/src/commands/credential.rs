//! `credential`: prints a temporary key with its base URL and expiry, for SDK credential providers.

use std::sync::Arc;

use keyreeve_broker::wire::CredentialView;

use crate::args::CredentialArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Format, KEY_PLACEHOLDER, relative_time_from_text};
use crate::temporary_key::{self, Caller, ClientCredentialKind};

pub(super) fn run(args: CredentialArgs, context: Context) -> Result<(), CommandError> {
    let (output, clock) = (Arc::clone(&context.output), context.clock());
    let credential = temporary_key::find_in_time(args.into(), Caller::UsesOurAddress, context)?;
    let view = CredentialView::new(
        match credential.kind {
            ClientCredentialKind::VirtualKey => "virtual-key",
            ClientCredentialKind::Credential => "credential",
        },
        &credential.base_url,
        credential.expires_at,
    );
    match output.format() {
        Format::Json => output.reveal_token(&view, &credential.secret)?,
        Format::Human => {
            let expiry = view.expires_at.as_deref();
            let expiry = expiry.map(|at| relative_time_from_text(at, &clock));
            let template = format!(
                "token        {KEY_PLACEHOLDER}\nkind         {}\nbase url     {}\nexpires      {}",
                view.kind,
                view.base_url,
                expiry.as_deref().unwrap_or("unknown")
            );
            output.reveal(&template, &credential.secret)?;
        }
    }
    Ok(())
}

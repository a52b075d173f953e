//! `credential`: prints a key with all that a program must know to use it: where it leads and when it ends.

use std::sync::Arc;

use keyreeve_broker::view::CredentialView;

use super::handing::{self, Asker, Kind};
use crate::error::CommandError;
use crate::output::{Format, KEY_MARK, to_the_minute};
use crate::settings::Whose;
use crate::wiring::World;

pub(super) fn run(whose: Whose, world: World) -> Result<(), CommandError> {
    let output = Arc::clone(&world.output);
    let handed = handing::hand(whose, Asker::Told, world)?;
    let view = CredentialView::of(
        match handed.kind {
            Kind::VirtualKey => "virtual-key",
            Kind::Credential => "credential",
        },
        &handed.base_url,
        handed.expires_at,
    );
    match output.format() {
        Format::Json => output.reveal_token(&view, &handed.secret)?,
        Format::Human => {
            let ends = view.expires_at.as_deref().map(to_the_minute);
            let template = format!(
                "token        {KEY_MARK}\nkind         {}\nbase url     {}\nexpires      {}",
                view.kind,
                view.base_url,
                ends.as_deref().unwrap_or("unknown")
            );
            output.reveal(&template, &handed.secret)?;
        }
    }
    Ok(())
}

//! Takes a pasted credential for a profile: repaired, judged, and refused where it must not stand behind a virtual key.

use keyreeve_core::api::Api;
use keyreeve_core::inject::{self, Refusal};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Family, Reading};

use crate::ask::{Question, Typed};
use crate::error::{CommandError, Exit};
use crate::settings::Given;
use crate::wiring::World;

/// A credential that was taken.
pub(super) struct Taken {
    /// It.
    pub(super) secret: Secret,
    /// What its prefix says.
    pub(super) family: Family,
    /// What of it may be shown.
    pub(super) hint: String,
}

/// Asks for a credential and takes it, telling the person what was repaired or looks odd.
///
/// # Errors
/// Exit 4 for what is no usable credential, exit 8 for a plan login.
pub(super) fn take(
    from: Given,
    api: Api,
    world: &World,
    instead: &str,
) -> Result<Taken, CommandError> {
    let question = Question {
        prompt: "Secret (it is not shown):",
        typed: Typed::Once,
        instead,
    };
    let pasted = world.asker.take(from, &question)?;
    let reading = token::read(&pasted, api.grammar());
    for fix in &reading.fixes {
        world.output.note(&fix.to_string());
    }
    let problems = reading.problems.iter().map(ToString::to_string);
    let Reading {
        token: Some(secret),
        hint: Some(hint),
        family,
        ..
    } = reading
    else {
        return Err(
            CommandError::new(Exit::Credential, "this cannot be kept as a credential")
                .because(problems)
                .hint("keyreeve inspect"),
        );
    };
    refuse_what_is_never_sent(api, family)?;
    for problem in problems {
        world.output.note(&problem);
    }
    Ok(Taken {
        secret,
        family,
        hint,
    })
}

/// Refuses at once what no lease would ever be given for.
fn refuse_what_is_never_sent(api: Api, family: Family) -> Result<(), CommandError> {
    let facing = api.facing(api.usual_auth());
    let provenance = api.provenance(&Source::Sealed, family);
    let Err(refusal) = inject::decide(facing, family, provenance) else {
        return Ok(());
    };
    let exit = match refusal {
        Refusal::PlanLogin => Exit::Policy,
        Refusal::RefreshToken
        | Refusal::AdminKey
        | Refusal::SessionCookie
        | Refusal::WorkToken
        | Refusal::VirtualKey
        | Refusal::AdminVirtualKey
        | Refusal::UnknownFamily
        | Refusal::NotTheVendors => Exit::Credential,
    };
    let hint = match refusal {
        Refusal::PlanLogin => "keyreeve profile add NAME --setup-token",
        Refusal::RefreshToken
        | Refusal::AdminKey
        | Refusal::SessionCookie
        | Refusal::WorkToken
        | Refusal::VirtualKey
        | Refusal::AdminVirtualKey
        | Refusal::UnknownFamily
        | Refusal::NotTheVendors => "keyreeve profile add NAME",
    };
    Err(
        CommandError::new(exit, "this cannot be kept as a credential")
            .because([refusal.to_string()])
            .hint(hint),
    )
}

//! Takes a pasted credential for a profile: repaired, judged, and refused where it must not stand behind a virtual key.

use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::token::{self, Family, Grammar, Reading};

use crate::ask::{Question, Typed};
use crate::error::{CommandError, Exit};
use crate::settings::{Given, Service};
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
    service: Service,
    world: &World,
    instead: &str,
) -> Result<Taken, CommandError> {
    let question = Question {
        prompt: "Secret (it is not shown):",
        typed: Typed::Once,
        instead,
    };
    let pasted = world.asker.take(from, &question)?;
    let reading = token::read(&pasted, grammar(service));
    for fix in &reading.fixes {
        world.output.note(&fix.to_string());
    }
    refuse_by_family(reading.family)?;
    let problems = reading.problems.iter().map(ToString::to_string);
    let Reading {
        token: Some(secret),
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
    for problem in problems {
        world.output.note(&problem);
    }
    let hint = token::redact(secret.expose_for(Sink::Shown));
    Ok(Taken {
        secret,
        family,
        hint,
    })
}

/// The vendor's grammar judges only where the vendor's tokens go.
fn grammar(service: Service) -> Grammar {
    match service {
        Service::Anthropic | Service::Sandbox => Grammar::Anthropic,
        Service::Gateway => Grammar::Printable,
    }
}

/// Refuses what no virtual key may lead to, whatever its origin (docs/facts.md#terms).
fn refuse_by_family(family: Family) -> Result<(), CommandError> {
    let refused = |why: &str| {
        let error = CommandError::new(Exit::Credential, "this cannot be kept as a credential");
        Err(error
            .because([why.to_owned()])
            .hint("keyreeve profile add NAME"))
    };
    match family {
        Family::OauthAccess => Err(CommandError::new(
            Exit::Policy,
            "a plan login may not stand behind a virtual key: Anthropic's terms keep it to Anthropic's own applications",
        )
        .because(["a pasted sk-ant-oat01 token counts as one; make an API key in the Console instead".to_owned()])
        .hint("keyreeve profile add NAME")),
        Family::AdminKey => refused("an Admin API key cannot ask a model; make an API key in the Console"),
        Family::OauthRefresh => refused("a refresh token renews a login and is never sent with a request"),
        Family::ClaudeSession => refused("a session cookie of claude.ai is no API credential and is never kept"),
        Family::WorkToken => refused("a work-item token is good for one work item only and is never kept"),
        Family::AdminVirtualKey => refused("this administers a keyreeve; it asks no model"),
        Family::ApiKey | Family::UnknownAnthropic | Family::VirtualKey | Family::OtherVendor | Family::Opaque => Ok(()),
    }
}

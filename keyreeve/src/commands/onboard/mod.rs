//! `onboard`: detects existing credentials, sets up the one that pays, tests it, and prints the next steps.
//!
//! Invariants: at most four questions, and none that a flag answers; every change is reported; it ends with a successful
//! request or with the reason for the failure. A user with a plan is then offered `protect`, which asks about each part.

mod detect;
mod questions;
mod render;
mod set_up;

use keyreeve_broker::admin::keys::{self, AddKey, find_key};
use keyreeve_broker::wire::{KeyView, OnboardView, ProfileCheckView, ProfileView};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::secret::Secret;

use crate::args::OnboardArgs;
use crate::context::Context;
use crate::credential_check::check_one;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::prompt::{Answer, Prompter, Question};
use crate::protection::{self, ProtectChoices};
use crate::render::new_key::print_new_key;
use questions::OnboardMethod;

/// Result of the setup.
struct SetUpResult {
    profile: Profile,
    /// The new key and its name, if one was created.
    key: Option<(Name, Secret)>,
    /// Changes made, as sentences.
    changes: Vec<String>,
}

pub(super) fn run(onboard: OnboardArgs, context: &Context) -> Result<(), CommandError> {
    let method = OnboardMethod::from_flags(&onboard)?;
    let is_asked = method.is_none();
    if method.is_none() && context.prompter == Prompter::NonInteractive {
        return Err(not_interactive());
    }
    let detected = detect::detect(context)?;
    let found = detect::report(&detected, context.home());
    context.output.write(&found)?;
    let names = (onboard.name, onboard.key);
    let choices = questions::ask_missing(method, names, &detected, context)?;
    let set_up = set_up(choices, &detected, context)?;
    let (check, result) = if onboard.no_check {
        (None, Ok(()))
    } else {
        context.output.note(&render::test_notice(&set_up.profile));
        let (view, result) = check_one(&set_up.profile.name, context)?;
        (Some(view), result)
    };
    // A new key is printed even if the test fails, because it cannot be shown again.
    finish(&set_up, check, context)?;
    result?;
    if is_asked && set_up.profile.is_plan_login() {
        return offer_protection(context);
    }
    Ok(())
}

/// Offers to make the plan pay for plain `claude`, too.
fn offer_protection(context: &Context) -> Result<(), CommandError> {
    let question = Question {
        prompt: "Protect your plan now, so that plain `claude` uses it, too?",
        command: "keyreeve protect",
    };
    match context.prompter.confirm_required(question, Answer::Yes)? {
        Answer::Yes => protection::protect(ProtectChoices::offer_all(context), context),
        Answer::No => Ok(()),
    }
}

fn not_interactive() -> CommandError {
    CommandError::new(
        Exit::Usage,
        "no credential is selected, and there is no terminal to ask on",
    )
    .hint(
        "Pass `--api-key-stdin`, `--use claude-login`, `--setup-token`, `--gateway URL` or `--from-env`",
    )
    .hint("See `keyreeve onboard --help`")
}

fn set_up(
    choices: questions::OnboardChoices,
    detected: &detect::DetectedState,
    context: &Context,
) -> Result<SetUpResult, CommandError> {
    let mut changes = Vec::new();
    let store = context.open_store()?;
    if !detected.has_store {
        let dirs = context.dirs()?;
        let change = format!("Created the store in {}", dirs.data.display());
        // Reported now: later steps may fail, and the store stays.
        context.output.success(&change);
        changes.push(change);
    }
    let (profile, added) =
        set_up::find_or_add_profile(choices.method, choices.name.as_ref(), &store, context)?;
    changes.extend(added);
    changes.push(set_up::make_default(&profile, &store)?);
    let key = match choices.key {
        None => None,
        Some(wanted_name) => {
            let name = set_up::free_key_name(&wanted_name, &store)?;
            let add = AddKey::for_profile(name.clone(), profile.name.clone());
            let secret = keys::add(&store, add)?;
            changes.push(format!(
                "Created key `{name}` for profile `{}`",
                profile.name
            ));
            Some((name, secret))
        }
    };
    Ok(SetUpResult {
        profile,
        key,
        changes,
    })
}

fn finish(
    set_up: &SetUpResult,
    check: Option<ProfileCheckView>,
    context: &Context,
) -> Result<(), CommandError> {
    let next = render::next_commands(set_up);
    match context.output.format() {
        Format::Human => {
            let summary = render::summary(&set_up.changes, &next);
            context.output.write(&summary)?;
            if let Some((name, secret)) = &set_up.key {
                context.output.data("\n")?;
                let policy = context.open_store()?.policy()?;
                let key = KeyView::new(find_key(&policy, name)?, &policy, context.snapshot.now);
                print_new_key(&key, secret, &context.output)?;
            }
            Ok(())
        }
        Format::Json => {
            let snapshot = context.open_store()?.lease_snapshot()?;
            let view = OnboardView {
                profile: ProfileView::new(&set_up.profile, &snapshot, context.snapshot.now),
                changes: set_up.changes.clone(),
                check,
                next_steps: next.into_iter().map(|(command, _)| command).collect(),
            };
            match &set_up.key {
                Some((_, secret)) => Ok(context.output.reveal_document(&view, secret)?),
                None => Ok(context.output.document(&view)?),
            }
        }
    }
}

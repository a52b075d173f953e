//! The headline of a resolution: who would pay, in one sentence.

use super::chain::{ChainWalk, FilledHeader};
use super::client::{ClientProgram, Release};
use super::location::Location;
use super::payer::{Payer, PayerClass, certain, likely};
use super::step::{ChainStep, Method, StepState};
use crate::rules::claude_code::Mode;

/// The payer of a whole request, and the sentence about it.
pub(super) struct Summary {
    pub(super) payer: Payer,
    pub(super) sends_no_request: Option<String>,
    pub(super) headline: String,
}

/// Summarizes a walk along the chain. The strongest reason comes first.
pub(super) fn summarize(client: ClientProgram, walk: &ChainWalk<'_>) -> Summary {
    let client_name = display_name(client);
    if let Some((location, flaw)) = &walk.broken {
        let reason = format!("{location}: {flaw}");
        return Summary {
            payer: certain(PayerClass::NoPayer),
            headline: format!("{client_name} would fail on {reason}"),
            sends_no_request: Some(reason),
        };
    }
    if let Some((location, payer)) = &walk.cloud {
        let headline = format!("{client_name} would use a cloud account because {location} is on");
        return sent(*payer, format!("{headline}{}", sent_along(walk)));
    }
    let (first, second) = match (&walk.x_api_key, &walk.authorization) {
        (Some(key), bearer) => (key, bearer.as_ref()),
        (None, Some(bearer)) => (bearer, None),
        (None, None) => return without_credential(client, walk),
    };
    let second = second.filter(|second| are_different(first, second));
    let summary = summarize_request(&client_name, walk, first, second);
    Summary {
        headline: format!("{}{}", summary.headline, shadowed_note(walk, summary.payer)),
        ..summary
    }
}

/// Returns a note about the credentials of another account that are sent to a cloud.
fn sent_along(walk: &ChainWalk<'_>) -> String {
    let is_other = |filled: &&FilledHeader<'_>| filled.slot.method != Method::CloudKey;
    let mut sent: Vec<String> = [&walk.x_api_key, &walk.authorization]
        .into_iter()
        .flatten()
        .filter(is_other)
        .map(labelled)
        .collect();
    sent.dedup();
    if sent.is_empty() {
        String::new()
    } else {
        format!(", and sends {} to it", sent.join(" and "))
    }
}

/// Summarizes a chain that fills no header.
fn without_credential(client: ClientProgram, walk: &ChainWalk<'_>) -> Summary {
    let skipped = walk.steps.iter().find_map(|step| match step.state {
        StepState::NotRead { reason } => {
            let verb = match step.location {
                Location::Federation => "are",
                Location::Variable { .. }
                | Location::Setting { .. }
                | Location::Login { .. }
                | Location::SdkProfile { .. }
                | Location::Profile { .. } => "is",
            };
            Some(format!("; {} {verb} {reason}", step.location))
        }
        StepState::Taken { .. }
        | StepState::On
        | StepState::Off
        | StepState::Shadowed { .. }
        | StepState::Absent
        | StepState::Empty
        | StepState::Broken(_) => None,
    });
    let skipped = skipped.unwrap_or_default();
    let effect = match client {
        ClientProgram::ClaudeCode { .. } => "would ask you to log in",
        ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_) | ClientProgram::Keyreeve => {
            "would send no request"
        }
    };
    let client_name = display_name(client);
    Summary {
        payer: certain(PayerClass::NoPayer),
        headline: format!("{client_name} has no credential here and {effect}{skipped}"),
        sends_no_request: Some(format!("no credential found{skipped}")),
    }
}

/// Summarizes a request with one credential, or with two different ones.
fn summarize_request(
    client_name: &str,
    walk: &ChainWalk<'_>,
    first: &FilledHeader<'_>,
    second: Option<&FilledHeader<'_>>,
) -> Summary {
    if let Some(host) = walk.destination.gateway() {
        let credentials = match second {
            Some(second) => format!("{} and {}", labelled(first), labelled(second)),
            None => labelled(first),
        };
        let headline = format!(
            "{client_name} would send {credentials} to {host}, and that gateway decides who pays"
        );
        return sent(certain(PayerClass::Gateway), headline);
    }
    if let Some(location) = walk.destination.invalid() {
        let headline = format!(
            "{client_name} would send {} to the address in {location}, which is not valid",
            labelled(first)
        );
        return sent(likely(PayerClass::Unknown), headline);
    }
    match second {
        Some(second) => {
            let headline = format!(
                "{client_name} would send two conflicting credentials, {} as x-api-key and {} as authorization, \
                 and the API decides who pays",
                labelled(first),
                labelled(second),
            );
            sent(certain(PayerClass::Conflict), headline)
        }
        None => sent(first.payer, single_credential_headline(client_name, first)),
    }
}

/// Returns `true` if two filled headers carry different credentials. Values that are not known yet are compared by
/// location.
fn are_different(one: &FilledHeader<'_>, other: &FilledHeader<'_>) -> bool {
    match (one.value, other.value) {
        (Some(one), Some(other)) => one != other,
        (None, None) => one.slot.location != other.slot.location,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

/// Returns the headline of a request with one credential.
fn single_credential_headline(client_name: &str, filled: &FilledHeader<'_>) -> String {
    let credential = labelled(filled);
    match filled.payer.class {
        PayerClass::OrganizationCredit => {
            format!("{client_name} would use {credential}, paid by organization credit")
        }
        PayerClass::Plan if filled.value.is_none() => {
            format!("{client_name} would use {credential}, paid by a plan")
        }
        PayerClass::Plan => format!(
            "{client_name} would use {credential}, likely paid by a plan unless it is an organization's token"
        ),
        PayerClass::NoPayer => {
            format!("{client_name} would send {credential}, which the API will most likely refuse")
        }
        PayerClass::Cloud => {
            format!("{client_name} would use {credential}, paid by a cloud account")
        }
        PayerClass::Gateway => {
            format!("{client_name} would use {credential}, and its gateway decides who pays")
        }
        PayerClass::Unknown if filled.value.is_none() => {
            format!(
                "{client_name} would use the output of {credential}, and who pays is unknown until it runs"
            )
        }
        PayerClass::Conflict | PayerClass::Unknown => {
            format!("{client_name} would use {credential}, and who pays is unknown")
        }
    }
}

/// Returns a note about a shadowed step that another account would pay for, which the user may have intended.
fn shadowed_note(walk: &ChainWalk<'_>, payer: Payer) -> String {
    let has_other_payer = |step: &&ChainStep| {
        let is_shadowed = matches!(step.state, StepState::Shadowed { .. });
        let other = step.would_pay.filter(|other| {
            other.class != payer.class
                && other.class != PayerClass::NoPayer
                && other.class != PayerClass::Cloud
        });
        is_shadowed && other.is_some()
    };
    let mut others: Vec<&ChainStep> = walk.steps.iter().filter(has_other_payer).collect();
    // A shadowed plan, which the user already pays for, comes first.
    others.sort_by_key(|step| step.would_pay.is_none_or(|it| it.class != PayerClass::Plan));
    match others.first() {
        None => String::new(),
        Some(step) => {
            let class = step.would_pay.map_or(PayerClass::Unknown, |it| it.class);
            format!("; this shadows {} ({})", step.location, class.description())
        }
    }
}

/// Returns the location of a credential with its hint.
fn labelled(filled: &FilledHeader<'_>) -> String {
    match &filled.slot.hint {
        Some(hint) => format!("{} ({hint})", filled.slot.location),
        None => filled.slot.location.to_string(),
    }
}

/// Returns a client's name in a sentence.
fn display_name(client: ClientProgram) -> String {
    match client {
        ClientProgram::ClaudeCode { release, mode, .. } => {
            let version = match release {
                Release::V2_1_332 => String::new(),
                Release::V2_1_197 | Release::V2_1_260 | Release::V2_1_329 => {
                    format!(" {}", release.version())
                }
            };
            let bare = match mode {
                Mode::Print | Mode::Interactive => "",
                Mode::Bare => " --bare",
            };
            format!("Claude Code{version}{bare}")
        }
        ClientProgram::SdkPython(major) => format!("Python SDK {}.x", major.number()),
        ClientProgram::SdkTypescript(major) => format!("TypeScript SDK {}.x", major.number()),
        ClientProgram::Keyreeve => client.to_string(),
    }
}

/// Returns the summary of a request that would be sent.
fn sent(payer: Payer, headline: String) -> Summary {
    Summary {
        payer,
        sends_no_request: None,
        headline,
    }
}

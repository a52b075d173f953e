//! The judgement of a whole request: who pays, in one sentence.

use crate::claude_code::Mode;

use super::client::{Client, Release};
use super::climb::{Climb, Filled};
use super::payer::{Payer, PayerClass, likely, sure};
use super::place::Place;
use super::rung::{Rung, State};

/// What is said of a request.
pub(super) struct Judged {
    pub(super) payer: Payer,
    pub(super) sends_nothing: Option<String>,
    pub(super) headline: String,
}

/// Judges, strongest reason first.
pub(super) fn judge(client: Client, climb: &Climb<'_>) -> Judged {
    let who = spoken(client);
    if let Some((place, payer)) = &climb.cloud {
        return sent(
            *payer,
            format!("{who} would use a cloud account, since {place} is on"),
        );
    }
    if let Some((place, flaw)) = &climb.broken {
        let why = format!("{place}: {flaw}");
        return Judged {
            payer: sure(PayerClass::Nobody),
            headline: format!("{who} would fail on {why}"),
            sends_nothing: Some(why),
        };
    }
    let (first, second) = match (&climb.x_api_key, &climb.authorization) {
        (Some(key), bearer) => (key, bearer.as_ref()),
        (None, Some(bearer)) => (bearer, None),
        (None, None) => return without_credential(&who, climb),
    };
    let second = second.filter(|second| differ(first, second));
    let judged = judge_sent(&who, climb, first, second);
    Judged {
        headline: format!("{}{}", judged.headline, shadows(climb, judged.payer)),
        ..judged
    }
}

fn without_credential(who: &str, climb: &Climb<'_>) -> Judged {
    let passed_over = climb.rungs.iter().find_map(|rung| match rung.state {
        State::NotRead { because } => {
            let verb = match rung.place {
                Place::Federation => "are",
                Place::Variable { .. }
                | Place::Setting { .. }
                | Place::Login { .. }
                | Place::SdkProfile { .. }
                | Place::Profile { .. } => "is",
            };
            Some(format!("; {} {verb} {because}", rung.place))
        }
        State::Taken { .. }
        | State::On
        | State::Off
        | State::Shadowed { .. }
        | State::Absent
        | State::Empty
        | State::Broken(_) => None,
    });
    let why = format!("no credential is found{}", passed_over.unwrap_or_default());
    Judged {
        payer: sure(PayerClass::Nobody),
        headline: format!("{who} would send nothing: {why}"),
        sends_nothing: Some(why),
    }
}

/// Judges a request that goes out with one credential, or with two that differ.
fn judge_sent(
    who: &str,
    climb: &Climb<'_>,
    first: &Filled<'_>,
    second: Option<&Filled<'_>>,
) -> Judged {
    if let Some(host) = climb.destination.gateway() {
        let what = match second {
            Some(second) => format!("{} and {}", labelled(first), labelled(second)),
            None => labelled(first),
        };
        let text = format!("{who} would send {what} to {host}: that gateway decides who pays");
        return sent(sure(PayerClass::Gateway), text);
    }
    if let Some(place) = climb.destination.unreadable() {
        let text = format!(
            "{who} would send {} to {place}, which is no address",
            labelled(first)
        );
        return sent(likely(PayerClass::Unknown), text);
    }
    match second {
        Some(second) => {
            let text = format!(
                "{who} would send two different credentials, {} as x-api-key and {} as authorization: \
                 the API decides who pays",
                labelled(first),
                labelled(second),
            );
            sent(sure(PayerClass::Conflict), text)
        }
        None => sent(first.payer, sentence(who, first)),
    }
}

/// Whether two filled headers carry two credentials. What is not known beforehand is told apart by its place.
fn differ(one: &Filled<'_>, other: &Filled<'_>) -> bool {
    match (one.value, other.value) {
        (Some(one), Some(other)) => one != other,
        (None, None) => one.slot.place != other.slot.place,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

fn sentence(who: &str, filled: &Filled<'_>) -> String {
    let what = labelled(filled);
    match filled.payer.class {
        PayerClass::OrganizationCredit => {
            format!("{who} would pay with {what}: organization credit")
        }
        PayerClass::Plan if filled.value.is_none() => {
            format!("{who} would pay with {what}: a plan")
        }
        PayerClass::Plan => format!(
            "{who} would pay with {what}: likely a plan, unless it is an organization's token"
        ),
        PayerClass::Nobody => format!("{who} would send {what}, which the API most likely refuses"),
        PayerClass::Cloud => format!("{who} would pay with {what}: a cloud account"),
        PayerClass::Gateway => format!("{who} would pay with {what}: its gateway decides who pays"),
        PayerClass::Unknown if filled.value.is_none() => {
            format!(
                "{who} would pay with whatever {what} gives: who that is cannot be told beforehand"
            )
        }
        PayerClass::Conflict | PayerClass::Unknown => {
            format!("{who} would pay with {what}: who that is cannot be told")
        }
    }
}

/// What is passed over although somebody else would pay for it: what a person may have meant.
fn shadows(climb: &Climb<'_>, payer: Payer) -> String {
    let meant = |rung: &&Rung| {
        let is_shadowed = matches!(rung.state, State::Shadowed { .. });
        let other = rung.would_pay.filter(|it| {
            it.class != payer.class
                && it.class != PayerClass::Nobody
                && it.class != PayerClass::Cloud
        });
        is_shadowed && other.is_some()
    };
    let mut others: Vec<&Rung> = climb.rungs.iter().filter(meant).collect();
    // A plan that is paid for already is what hurts most.
    others.sort_by_key(|rung| rung.would_pay.is_none_or(|it| it.class != PayerClass::Plan));
    match others.first() {
        None => String::new(),
        Some(rung) => {
            let words = match rung.would_pay.map(|it| it.class) {
                None | Some(PayerClass::Unknown) => "who would pay with it cannot be told",
                Some(class) => class.words(),
            };
            format!("; this shadows {} ({words})", rung.place)
        }
    }
}

fn labelled(filled: &Filled<'_>) -> String {
    match &filled.slot.hint {
        Some(hint) => format!("{} ({hint})", filled.slot.place),
        None => filled.slot.place.to_string(),
    }
}

/// A client's name in a sentence.
fn spoken(client: Client) -> String {
    match client {
        Client::ClaudeCode { release, mode, .. } => {
            let version = match release {
                Release::V2_1_329 => String::new(),
                Release::V2_1_197 => format!(" {}", release.version()),
            };
            let bare = match mode {
                Mode::Print | Mode::Interactive => "",
                Mode::Bare => " --bare",
            };
            format!("claude-code{version}{bare}")
        }
        Client::SdkPython(_) | Client::SdkTypescript(_) | Client::Keyreeve => client.to_string(),
    }
}

fn sent(payer: Payer, headline: String) -> Judged {
    Judged {
        payer,
        sends_nothing: None,
        headline,
    }
}

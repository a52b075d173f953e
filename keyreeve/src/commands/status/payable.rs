//! Whether the next request can be paid, as an exit code tells it.

use keyreeve_core::claude_code::{LoginState, Renewal};
use keyreeve_core::resolve::{Client, Header, Method, PayerClass};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_core::unusable::ForWhom;

use super::super::guard::unknown;
use super::super::profile::standing;
use super::Said;
use crate::error::{CommandError, Exit};
use crate::output::from_home;
use keyreeve_core::clock::Clock;

/// Ends well where the next request has a credential that may be good, and who is meant pays.
///
/// # Errors
/// Exit 4 where there is no credential or a dead one; exit 5 where it rests; exit 8 where not who was meant would pay.
pub(super) fn judge(said: &Said, clock: &Clock) -> Result<(), CommandError> {
    let home = said.snapshot.home.as_deref();
    let told = |exit, text: &str| CommandError::new(exit, from_home(text, home));
    if said.resolution.payer.class == PayerClass::Nobody {
        return Err(told(Exit::Credential, said.resolution.headline()));
    }
    if is_taken(said, Method::Login) && login_is_over(&said.snapshot) {
        let dead = told(Exit::Credential, "the login is over, and nothing renews it");
        return Err(dead.hint("claude auth login"));
    }
    if let Some(problem) = own_profile_is_unusable(said) {
        return Err(told(Exit::Credential, &problem));
    }
    if let Some(closed) = own_profile_rests(said, clock) {
        return Err(closed);
    }
    match &said.expected {
        Some((expected, Err(unexpected))) => {
            Err(told(Exit::Policy, &unexpected.to_string())
                .because(unknown(expected, &said.snapshot)))
        }
        Some((_, Ok(_))) | None => Ok(()),
    }
}

fn is_taken(said: &Said, method: Method) -> bool {
    let slot = said.resolution.slot(Header::Authorization);
    slot.is_some_and(|slot| slot.method == method)
}

fn login_is_over(snapshot: &Snapshot) -> bool {
    let login = snapshot.login.as_ref();
    login.is_some_and(|login| match &login.state {
        LoginState::Present {
            expires_at,
            renewal: Renewal::ByThePerson,
            ..
        } => expires_at.is_some_and(|end| end <= snapshot.now),
        LoginState::Present {
            renewal: Renewal::ByItself,
            ..
        }
        | LoginState::SignedOut
        | LoginState::Damaged(_)
        | LoginState::Unreadable => false,
    })
}

fn is_keyreeve(said: &Said) -> bool {
    match said.resolution.client {
        Client::Keyreeve => true,
        Client::ClaudeCode { .. } | Client::SdkPython(_) | Client::SdkTypescript(_) => false,
    }
}

fn own_profile_rests(said: &Said, clock: &Clock) -> Option<CommandError> {
    let standing = said.own_standing.as_ref().filter(|_| is_keyreeve(said))?;
    let exit = match standing.state {
        "ready" | "probing" => return None,
        "dead" => Exit::Credential,
        _ => Exit::NotNow,
    };
    let profile = said.snapshot.own_profile()?;
    let text = format!(
        "profile {} is {}",
        profile.name,
        standing::state(standing, clock)
    );
    Some(CommandError::new(exit, text).hint(format!("keyreeve profile show {}", profile.name)))
}

fn own_profile_is_unusable(said: &Said) -> Option<String> {
    if !is_keyreeve(said) {
        return None;
    }
    let used = said.snapshot.own_profile()?;
    let mut unusable = said.unusable.iter();
    let (profile, why) = unusable
        .find(|(profile, why)| profile.id == used.id && why.for_whom() == ForWhom::Everybody)?;
    Some(format!("profile {}: {}", profile.name, why.words()))
}

//! Whose windows a session tells of, and which of them are worth remembering.
//!
//! Invariant: nobody's but those of the login in Claude Code's own directory: a token that a variable gives may be another
//! account's, and a gateway may tell anything.

use jiff::{SignedDuration, Timestamp};

use crate::limits::{Limit, Seen, Subject};
use crate::resolve::{Method, PayerClass, Place, Resolution};
use crate::snapshot::Snapshot;

use super::Input;

/// The same news is written again only after so long, so that it is known to be still true.
const NEWS: SignedDuration = SignedDuration::from_mins(1);

/// Whose the windows are; none where that cannot be told.
pub fn owner(snapshot: &Snapshot, resolution: &Resolution) -> Option<Subject> {
    let slot = resolution.authorization.as_ref()?;
    match resolution.payer.class {
        PayerClass::Plan => {}
        PayerClass::OrganizationCredit
        | PayerClass::Cloud
        | PayerClass::Gateway
        | PayerClass::Conflict
        | PayerClass::Nobody
        | PayerClass::Unknown => return None,
    }
    let path = match &slot.place {
        Place::Login { path } if slot.method == Method::Login => path,
        Place::Login { .. }
        | Place::Variable { .. }
        | Place::Setting { .. }
        | Place::SdkProfile { .. }
        | Place::Federation
        | Place::Profile { .. } => return None,
    };
    let (directory, _file) = path.rsplit_once('/')?;
    let usual = snapshot
        .home
        .as_deref()
        .map(|home| home.trim_end_matches('/'));
    let is_usual = usual.is_some_and(|home| directory.strip_prefix(home) == Some("/.claude"));
    Some(Subject::ClaudeCode {
        config_dir: (!is_usual).then(|| directory.to_owned()),
    })
}

/// The windows that say something new about `owner`, or something old anew after a minute.
pub fn news(owner: &Subject, known: &[Seen], input: &Input, now: Timestamp) -> Vec<Seen> {
    let is_news = |limit: &Limit| {
        let same = |seen: &&Seen| seen.subject == *owner && seen.limit.which == limit.which;
        known.iter().find(same).is_none_or(|seen| {
            let old = &seen.limit;
            let is_same = (old.amount, old.resets_at) == (limit.amount, limit.resets_at);
            // A clock that was ahead wrote it in a time that is not yet.
            !is_same || now.duration_since(old.seen_at).abs() >= NEWS
        })
    };
    let windows = input.windows.iter().filter(|limit| is_news(limit));
    Seen::all(owner, None, windows.cloned().collect())
}

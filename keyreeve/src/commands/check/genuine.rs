//! A plan login's health, as the genuine `claude` finds it.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::view::CheckedView;
use keyreeve_broker::{Broker, NoGenuine};
use keyreeve_core::profile::Profile;

use super::{Checked, exit};
use crate::error::Exit;

/// It starts, asks, and mostly ends within a few seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// Has `claude` ask with a plan login.
pub(super) async fn ask(broker: &Arc<Broker>, profile: &Profile) -> Checked {
    match broker.ask_claude(profile, LIMIT).await {
        Ok(genuine) => Checked {
            view: CheckedView {
                status: genuine.status,
                ..CheckedView::judged(profile, genuine.verdict, genuine.said)
            },
            exit: exit(genuine.verdict.health()),
        },
        Err(error) => not_asked(profile, &error),
    }
}

fn not_asked(profile: &Profile, error: &NoGenuine) -> Checked {
    let (health, words, remedy, exit) = match error {
        NoGenuine::NotFound => (
            "not_asked",
            "could not be asked",
            "Install Claude Code, or look at the plan at claude.ai.",
            Exit::Failed,
        ),
        NoGenuine::NotLoggedIn => (
            "no_credential",
            "nobody is logged in",
            "Run `claude` and sign in.",
            Exit::Credential,
        ),
        NoGenuine::Login(_) => (
            "no_credential",
            "no credential to be had",
            "Run `keyreeve profile show`.",
            Exit::Credential,
        ),
        NoGenuine::TooLate(_) => (
            "upstream_trouble",
            "upstream trouble",
            "Try again, and check the network.",
            Exit::Upstream,
        ),
        NoGenuine::Failed(_) => (
            "not_asked",
            "could not be asked",
            "Run `claude -p hi` by hand to see why.",
            Exit::Failed,
        ),
    };
    Checked {
        view: CheckedView::unasked(
            profile,
            (health, words),
            Some(error.to_string()),
            Some(remedy.to_owned()),
        ),
        exit: Some(exit),
    }
}

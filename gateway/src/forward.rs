//! Bytes to the origin, and the beginning of its answer.
//!
//! Invariants: a redirect is never followed and never passed on; the head of an answer is held until its beginning is
//! there, so that an answer that fails at once has not yet begun for the client.

use std::time::Duration;

use axum::http::response::Parts;
use hyper::body::Incoming;
use keyreeve_broker::Brought;
use keyreeve_broker::upstream::{NoAnswer, Upstream};

use crate::beginning::{Beginning, Is, begin};
use crate::inject::Outgoing;
use crate::mask::Mask;

/// An answer that has begun.
pub(crate) struct Answer {
    pub(crate) head: Parts,
    /// What came of its body so far.
    pub(crate) beginning: Beginning,
    /// What follows.
    pub(crate) rest: Incoming,
    /// How long the rest may be silent.
    pub(crate) silence: Duration,
    pub(crate) mask: Mask,
}

/// Why there is no answer to pass on. Nothing has gone to the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("the upstream cannot be reached")]
    Unreachable(#[source] NoAnswer),
    #[error("the upstream broke the connection before it answered")]
    Broken(#[source] NoAnswer),
    #[error("the upstream did not answer in time")]
    TimedOut(#[source] Option<NoAnswer>),
    #[error("the upstream's answer was cut before its first byte")]
    CutAtOnce,
    #[error(
        "the upstream answered with a redirect ({0}), which is never followed: correct the profile's origin"
    )]
    Redirect(u16),
    #[error("the profile's address and the path do not make a URL")]
    Address,
    #[error("the credential cannot be sent: it has a character that no header takes")]
    Unsendable,
}

/// Sends the request and waits for the answer to begin. A request that could not be built has failed already.
pub(crate) async fn forward(
    upstream: &Upstream,
    outgoing: Result<Outgoing, Failed>,
) -> Result<Answer, Failed> {
    let outgoing = outgoing?;
    let answer = upstream.send(outgoing.request).await?;
    let (head, mut rest) = answer.into_parts();
    if head.status.is_redirection() {
        return Err(Failed::Redirect(head.status.as_u16()));
    }
    let silence = upstream.patience().silence;
    let beginning = begin(&head, &mut rest, silence).await?;
    Ok(Answer {
        head,
        beginning,
        rest,
        silence,
        mask: outgoing.mask,
    })
}

/// Says what an attempt brought. What may have been produced, and so billed, is not asked for twice.
pub(crate) fn brought(came: &Result<Answer, Failed>) -> Brought {
    match came {
        Ok(answer) => match answer.beginning.is {
            Is::Error | Is::StreamedError { .. } => Brought::Error(answer.head.status.as_u16()),
            Is::OnItsWay => Brought::Something,
        },
        Err(Failed::Unreachable(_)) => Brought::NoConnection,
        Err(
            Failed::Broken(_)
            | Failed::TimedOut(_)
            | Failed::CutAtOnce
            | Failed::Redirect(_)
            | Failed::Address
            | Failed::Unsendable,
        ) => Brought::Something,
    }
}

impl From<NoAnswer> for Failed {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Unreachable(_) | NoAnswer::Unconnected(_) => Self::Unreachable(error),
            NoAnswer::Broken(_) => Self::Broken(error),
            NoAnswer::TimedOut(_) => Self::TimedOut(Some(error)),
        }
    }
}

//! Remember: usage and cost, counted while the bytes stream on.
//!
//! Invariants: bytes go to the client first, and what is counted is a copy of the piece before; a meter that cannot
//! follow loses figures, never bytes; the row is closed exactly once, whether the answer ends, is cut, or the client
//! goes away.

mod body;
mod permit;
mod tally;

use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use keyreeve_broker::Report;
use keyreeve_core::inject::{Fate, answer_header, named_by_connection};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use crate::error::Refusal;
use crate::forward::{Answer, Failed};
use body::{Cut, Recorded, Silence};
use permit::Permit;
use tally::Tally;

/// Passes the answer on and closes the attempt's row when it ends; a failure is reported at once.
///
/// # Errors
/// The [`Failed`] attempt, as a refusal to the client.
pub(crate) async fn record(
    permit: impl Into<Permit>,
    verdict: Verdict,
    came: Result<Answer, Failed>,
) -> Result<Response, Refusal> {
    let mut permit = permit.into();
    let answer = match came {
        Ok(answer) => answer,
        Err(failed) => {
            let request = permit.request();
            let report = Report {
                verdict,
                ..Report::unanswered(failed.ending())
            };
            if failed.is_the_upstreams() {
                permit.heard_nothing(verdict).await;
                permit.report(report);
            } else {
                permit.report_unheard(report);
            }
            return Err(Refusal::Upstream { request, failed });
        }
    };
    let Answer {
        head: Parts {
            status,
            mut headers,
            ..
        },
        beginning,
        rest,
        silence,
        mask,
    } = answer;
    // First of all: what is remembered of a head must have no more of a secret in it than what goes to the client.
    mask.headers(&mut headers);
    // Before the client can ask again.
    permit.heard(verdict, status, &headers).await;
    let tally = Tally::new(permit, verdict, status, &headers);
    keep_answer_headers(&mut headers);
    tally.name_request(&mut headers);
    let body = Recorded {
        first: beginning.bytes,
        cut: beginning.cut.map(Cut::Broken),
        unwritten: true,
        rest,
        silence: Silence::new(silence),
        mask,
        tally,
    };
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

impl Failed {
    /// Whether it is the upstream that failed, and not what was asked of it.
    fn is_the_upstreams(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken(_) | Self::TimedOut(_) | Self::CutAtOnce => true,
            Self::Redirect(_) | Self::Address | Self::Unsendable => false,
        }
    }

    /// Whether anything can have been produced, and so billed.
    fn ending(&self) -> Ending {
        match self {
            Self::Unreachable(_) | Self::Redirect(_) | Self::Address | Self::Unsendable => {
                Ending::Failed
            }
            Self::Broken(_) | Self::TimedOut(_) | Self::CutAtOnce => Ending::Incomplete,
        }
    }
}

fn keep_answer_headers(headers: &mut HeaderMap) {
    let named: Vec<_> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(named_by_connection)
        .collect();
    let is_named = |name: &HeaderName| {
        named
            .iter()
            .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let gone: Vec<_> = headers
        .keys()
        .filter(|name| answer_header(name.as_str()) == Fate::Drop || is_named(name))
        .cloned()
        .collect();
    for name in gone {
        headers.remove(name);
    }
    if is_stream(headers) {
        // Proxies on the way must neither keep nor gather what is meant to flow (docs/facts.md#streaming).
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/event-stream")
    })
}

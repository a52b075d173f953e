//! Standings: what each answer does, what never happens, ten thousand requests in a minute that never passed, and the
//! table in the docs.

mod circuit;
mod concurrent;
mod properties;
mod refusals;
mod simulation;
mod steps;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::standing::{Heard, Jitter, Kept, Schedule, Standing, step};
use keyreeve_core::verdict::{ErrorAnswer, Verdict};

/// The n-th second of a day.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn verdict(status: u16, kind: &str, message: &str, headers: &[(&str, &str)]) -> Verdict {
    let body = serde_json::json!({"type": "error", "error": {"type": kind, "message": message}});
    let body = body.to_string();
    let answer = ErrorAnswer {
        status,
        headers,
        body: body.as_bytes(),
    };
    Verdict::of_error(&answer, at(0))
}

const MINUTE: &str =
    "This request would exceed your organization's rate limit of 50 requests per minute";

/// A minute limit, with a server's time that many seconds after `at(0)`.
fn limited_until(second: i64) -> Verdict {
    let seconds = second.to_string();
    verdict(
        429,
        "rate_limit_error",
        MINUTE,
        &[("retry-after", &seconds)],
    )
}

/// A minute limit of which nobody says when it ends.
fn limited() -> Verdict {
    verdict(429, "rate_limit_error", MINUTE, &[])
}

fn out_of_credit() -> Verdict {
    let text = "Your credit balance is too low to access the Anthropic API.";
    verdict(400, "invalid_request_error", text, &[])
}

fn refused() -> Verdict {
    verdict(401, "authentication_error", "invalid x-api-key", &[])
}

fn blocked() -> Verdict {
    let text = "This credential is only authorized for use with Claude Code";
    verdict(400, "invalid_request_error", text, &[])
}

fn wrong_request() -> Verdict {
    verdict(400, "invalid_request_error", "max_tokens: required", &[])
}

fn overloaded() -> Verdict {
    verdict(529, "overloaded_error", "Overloaded", &[])
}

fn upstream_failed() -> Verdict {
    verdict(500, "api_error", "Internal server error", &[])
}

fn heard(verdict: Verdict, asked_at: Timestamp) -> Heard {
    Heard {
        verdict,
        asked_at,
        kept: Kept::Sealed,
        jitter: Jitter(0),
    }
}

/// The standing after answers that each came in the second it was asked.
fn after(answers: &[(i64, Verdict)]) -> Standing {
    answers
        .iter()
        .fold(Standing::Ready, |standing, (second, verdict)| {
            step(standing, &heard(*verdict, at(*second)), at(*second))
        })
}

#[test]
fn the_table_of_the_docs_is_the_table_of_the_code() {
    let docs = include_str!("../../../../docs/standing.md");
    for schedule in Schedule::all().filter(|schedule| *schedule != Schedule::Person) {
        let row = format!(
            "| `{}` | {} | {} |",
            schedule.name(),
            words(schedule.first()),
            words(schedule.longest())
        );
        assert!(docs.contains(&row), "docs/standing.md has no row {row}");
    }
}

fn words(wait: SignedDuration) -> String {
    match wait.as_secs() {
        0 => "at once".to_owned(),
        count if count % 3_600 == 0 => format!("{} h", count / 3_600),
        count if count % 60 == 0 => format!("{} min", count / 60),
        count => format!("{count} s"),
    }
}

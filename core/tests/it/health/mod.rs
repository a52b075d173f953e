//! Health: every transition, properties that always apply, a simulation of ten thousand requests, and the backoff table
//! in the docs.

mod circuit_breaker;
mod concurrent;
mod properties;
mod refusals;
mod simulation;
mod transitions;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::health::{
    BackoffSchedule, Health, HealthInput, Jitter, SecretStorage, transition,
};
use keyreeve_core::verdict::{ErrorResponse, Verdict};

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
    let response = ErrorResponse {
        status,
        headers,
        body: body.as_bytes(),
    };
    Verdict::from_response(&response, at(0))
}

const MINUTE_LIMIT_MESSAGE: &str =
    "This request would exceed your organization's rate limit of 50 requests per minute";

/// A per-minute limit with a server's reset that many seconds after `at(0)`.
fn limited_until(second: i64) -> Verdict {
    let seconds = second.to_string();
    verdict(
        429,
        "rate_limit_error",
        MINUTE_LIMIT_MESSAGE,
        &[("retry-after", &seconds)],
    )
}

/// A per-minute limit without a reset time.
fn limited() -> Verdict {
    verdict(429, "rate_limit_error", MINUTE_LIMIT_MESSAGE, &[])
}

fn out_of_credit() -> Verdict {
    let text = "Your credit balance is too low to access the Anthropic API.";
    verdict(400, "invalid_request_error", text, &[])
}

fn rejected() -> Verdict {
    verdict(401, "authentication_error", "invalid x-api-key", &[])
}

fn blocked() -> Verdict {
    let text = "This credential is only authorized for use with Claude Code";
    verdict(400, "invalid_request_error", text, &[])
}

fn invalid_request() -> Verdict {
    verdict(400, "invalid_request_error", "max_tokens: required", &[])
}

fn overloaded() -> Verdict {
    verdict(529, "overloaded_error", "Overloaded", &[])
}

fn upstream_failed() -> Verdict {
    verdict(500, "api_error", "Internal server error", &[])
}

fn health_input(verdict: Verdict, leased_at: Timestamp) -> HealthInput {
    HealthInput {
        verdict,
        leased_at,
        storage: SecretStorage::Sealed,
        jitter: Jitter(0),
    }
}

/// The health after responses that each arrived in the second the request was leased.
fn health_after(responses: &[(i64, Verdict)]) -> Health {
    responses
        .iter()
        .fold(Health::Ready, |health, (second, verdict)| {
            transition(health, &health_input(*verdict, at(*second)), at(*second))
        })
}

#[test]
fn backoff_table_in_docs_matches_the_code() {
    let docs = include_str!("../../../../docs/health.md");
    for schedule in BackoffSchedule::all().filter(|schedule| *schedule != BackoffSchedule::Manual) {
        let row = format!(
            "| `{}` | {} | {} |",
            schedule.name(),
            duration_text(schedule.initial_delay()),
            duration_text(schedule.max_delay())
        );
        assert!(docs.contains(&row), "docs/health.md has no row {row}");
    }
}

fn duration_text(wait: SignedDuration) -> String {
    match wait.as_secs() {
        0 => "at once".to_owned(),
        count if count % 3_600 == 0 => format!("{} h", count / 3_600),
        count if count % 60 == 0 => format!("{} min", count / 60),
        count => format!("{count} s"),
    }
}

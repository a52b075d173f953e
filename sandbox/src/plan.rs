//! What a plan login is answered beyond a message: how far its windows are used up, in headers and on a page of their
//! own, and whose account it is (docs/facts.md#rate-limits).
//!
//! Nothing fills up: the same shares are told each time. Only the times at which windows end know a clock.

use http::header::HeaderName;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::answer::Answer;

/// Where the windows are told.
pub(crate) const USAGE_PATH: &str = "/api/oauth/usage";
/// Where the account is told.
pub(crate) const PROFILE_PATH: &str = "/api/oauth/profile";

/// A window: how headers abbreviate it and bodies name it, its length in seconds, and how much of it is used, in percent.
struct Window {
    short: &'static str,
    name: &'static str,
    seconds: i64,
    used: u32,
}

const WINDOWS: [Window; 2] = [
    Window {
        short: "5h",
        name: "five_hour",
        seconds: 5 * 3_600,
        used: 12,
    },
    Window {
        short: "7d",
        name: "seven_day",
        seconds: 7 * 86_400,
        used: 34,
    },
];

impl Window {
    /// When it ends: windows begin at whole multiples of their length.
    fn end(&self, now: Timestamp) -> Timestamp {
        let end = (now.as_second().div_euclid(self.seconds) + 1) * self.seconds;
        Timestamp::from_second(end).unwrap_or(now)
    }
}

/// Adds the headers that only a plan's answers have.
pub(crate) fn with_windows(mut answer: Answer, now: Timestamp) -> Answer {
    let mut set = |field: &str, value: &str| {
        if let Ok(name) = format!("anthropic-ratelimit-unified-{field}").parse::<HeaderName>() {
            answer.set(&name, value);
        }
    };
    set("status", "allowed");
    set("representative-claim", WINDOWS[0].name);
    set("reset", &WINDOWS[0].end(now).as_second().to_string());
    for window in &WINDOWS {
        let short = window.short;
        set(&format!("{short}-status"), "allowed");
        set(
            &format!("{short}-reset"),
            &window.end(now).as_second().to_string(),
        );
        set(
            &format!("{short}-utilization"),
            &format!("0.{:02}", window.used),
        );
    }
    set("overage-status", "rejected");
    set("overage-disabled-reason", "overage_not_provisioned");
    answer
}

/// How far the windows are used up.
pub(crate) fn usage(now: Timestamp) -> Value {
    let mut body = json!({ "seven_day_opus": null, "seven_day_sonnet": null, "limits": [] });
    for window in &WINDOWS {
        let end = window.end(now).to_zoned(TimeZone::UTC);
        let resets_at = end.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        body[window.name] =
            json!({ "utilization": f64::from(window.used), "resets_at": resets_at });
    }
    body
}

/// Whose account it is: nobody's.
pub(crate) fn profile(organization: &str) -> Value {
    json!({
        "account": {
            "uuid": "00000000-0000-4000-8000-000000000000",
            "email": "nobody@sandbox.invalid",
            "display_name": "Nobody",
            "has_claude_max": true,
            "has_claude_pro": false,
        },
        "organization": {
            "uuid": organization,
            "name": "Nobody's",
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_5x",
            "subscription_status": "active",
        },
    })
}

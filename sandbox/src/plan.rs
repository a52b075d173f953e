//! Responses for a plan login: the usage of its windows, in headers and as an endpoint, and its account
//! (docs/facts.md#rate-limits).
//!
//! Usage is constant: every response reports the same figures. Only the reset times depend on a clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::response::SimulatedResponse;

/// Path of the usage endpoint.
pub(crate) const USAGE_PATH: &str = "/api/oauth/usage";
/// Path of the account endpoint.
pub(crate) const PROFILE_PATH: &str = "/api/oauth/profile";

/// A plan window: its names in headers and in bodies, its length in seconds, and its usage in percent.
struct UsageWindow {
    short: &'static str,
    name: &'static str,
    seconds: i64,
    used: u32,
}

const WINDOWS: [UsageWindow; 2] = [
    UsageWindow {
        short: "5h",
        name: "five_hour",
        seconds: 5 * 3_600,
        used: 12,
    },
    UsageWindow {
        short: "7d",
        name: "seven_day",
        seconds: 7 * 86_400,
        used: 34,
    },
];

impl UsageWindow {
    /// Returns the end of the current window: windows start at whole multiples of their length.
    fn end(&self, now: Timestamp) -> Timestamp {
        let end = (now.as_second().div_euclid(self.seconds) + 1) * self.seconds;
        Timestamp::from_second(end).unwrap_or(now)
    }
}

/// Adds the headers that only responses to a plan have.
pub(crate) fn with_window_headers(
    mut response: SimulatedResponse,
    now: Timestamp,
) -> SimulatedResponse {
    let mut set = |field: &str, value: &str| {
        response.set_header(&format!("anthropic-ratelimit-unified-{field}"), value);
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
    response
}

/// Returns the usage of the windows.
pub(crate) fn usage_body(now: Timestamp) -> Value {
    let mut body = json!({ "seven_day_opus": null, "seven_day_sonnet": null, "limits": [] });
    for window in &WINDOWS {
        let end = window.end(now).to_zoned(TimeZone::UTC);
        let resets_at = end.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        body[window.name] =
            json!({ "utilization": f64::from(window.used), "resets_at": resets_at });
    }
    body
}

/// Returns a made-up account.
pub(crate) fn profile_body(organization: &str) -> Value {
    json!({
        "account": {
            "uuid": "00000000-0000-4000-8000-000000000000",
            "email": "user@sandbox.invalid",
            "display_name": "Sandbox user",
            "has_claude_max": true,
            "has_claude_pro": false,
        },
        "organization": {
            "uuid": organization,
            "name": "Sandbox organization",
            "organization_type": "claude_max",
            "rate_limit_tier": "default_claude_max_5x",
            "subscription_status": "active",
        },
    })
}

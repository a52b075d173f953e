//! What a pasted string is, as `inspect` tells it.

use keyreeve_core::profile::Auth;
use keyreeve_core::token::{Family, Fix, Problem, Reading, UsableFor, Verdict};
use serde::Serialize;

/// A reading, without the token.
#[derive(Debug, Serialize)]
pub struct ReadingView {
    /// `accept`, `warn` or `reject`.
    pub verdict: &'static str,
    /// The family's code, such as `api_key`.
    pub family: &'static str,
    /// The two digits of the prefix, such as `03`.
    pub generation: Option<String>,
    /// Characters after the prefix.
    pub body_chars: Option<usize>,
    /// Characters in all, after the repairs.
    pub clean_chars: Option<usize>,
    /// Who is billed: `metered`, `plan_or_organization`, `gateway`, `none` or `unknown`.
    pub billing: &'static str,
    /// What it can be used for: `inference`, `admin_only`, `refresh_only`, `gateway`, `unknown` or `nothing`.
    pub usable_for: &'static str,
    /// The header it travels in to the vendor's API: `x-api-key` or `authorization`.
    pub header: Option<&'static str>,
    /// What was repaired, in the order in which it was done.
    pub fixes: Vec<FixView>,
    /// What is wrong or odd.
    pub problems: Vec<ProblemView>,
}

/// A repair.
#[derive(Debug, Serialize)]
pub struct FixView {
    /// Its code, such as `trim`.
    pub code: &'static str,
    /// A sentence about it.
    pub text: String,
}

/// Something wrong or odd.
#[derive(Debug, Serialize)]
pub struct ProblemView {
    /// Its code, such as `bad_char`.
    pub code: &'static str,
    /// Which character, counted from 1.
    pub position: Option<usize>,
    /// A sentence about it.
    pub text: String,
}

impl From<&Reading> for ReadingView {
    fn from(reading: &Reading) -> Self {
        Self {
            verdict: match reading.verdict {
                Verdict::Accept => "accept",
                Verdict::Warn => "warn",
                Verdict::Reject => "reject",
            },
            family: reading.family.code(),
            generation: reading.generation.map(|generation| generation.to_string()),
            body_chars: reading.body_chars,
            clean_chars: reading.clean_chars,
            billing: billing(reading.family),
            usable_for: match reading.usable_for {
                UsableFor::Inference => "inference",
                UsableFor::AdminOnly => "admin_only",
                UsableFor::RefreshOnly => "refresh_only",
                UsableFor::Gateway => "gateway",
                UsableFor::Unknown => "unknown",
                UsableFor::Nothing => "nothing",
            },
            header: reading.header.map(|auth| match auth {
                Auth::ApiKey => "x-api-key",
                Auth::Bearer => "authorization",
            }),
            fixes: reading.fixes.iter().map(FixView::from).collect(),
            problems: reading.problems.iter().map(ProblemView::from).collect(),
        }
    }
}

impl From<&Fix> for FixView {
    fn from(fix: &Fix) -> Self {
        Self {
            code: fix.code(),
            text: fix.to_string(),
        }
    }
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.kind.code(),
            position: problem.position,
            text: problem.to_string(),
        }
    }
}

/// Who is billed for what a family can ask (docs/facts.md#tokens). The prefix of an OAuth token does not tell a plan from
/// an organization.
fn billing(family: Family) -> &'static str {
    match family {
        Family::ApiKey => "metered",
        Family::OauthAccess => "plan_or_organization",
        Family::VirtualKey => "gateway",
        Family::AdminKey
        | Family::OauthRefresh
        | Family::ClaudeSession
        | Family::WorkToken
        | Family::AdminVirtualKey => "none",
        Family::UnknownAnthropic | Family::OtherVendor | Family::Opaque => "unknown",
    }
}

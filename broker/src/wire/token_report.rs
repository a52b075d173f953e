//! The report on a pasted token, as `inspect` publishes it.

use keyreeve_core::profile::Auth;
use keyreeve_core::token::{
    Family, TokenProblem, TokenRepair, TokenReport, TokenVerdict, UsableFor,
};
use serde::Serialize;

/// Report on a token, without the token itself.
#[derive(Debug, Serialize)]
pub struct TokenReportView {
    /// `accept`, `warn` or `reject`.
    pub verdict: &'static str,
    /// The family's code, such as `api_key`.
    pub family: &'static str,
    /// The two digits of the prefix, such as `03`.
    pub generation: Option<String>,
    /// Number of characters after the prefix.
    pub body_chars: Option<usize>,
    /// Number of characters after the repairs.
    pub clean_chars: Option<usize>,
    /// Billing class: `metered`, `plan_or_organization`, `gateway`, `none` or `unknown`.
    pub billing: &'static str,
    /// Possible use: `inference`, `admin_only`, `refresh_only`, `gateway`, `unknown` or `nothing`.
    pub usable_for: &'static str,
    /// The header that carries it to Anthropic's API: `x-api-key` or `authorization`.
    pub header: Option<&'static str>,
    /// Repairs, in the order they were made.
    pub repairs: Vec<TokenRepairView>,
    /// Errors and warnings.
    pub problems: Vec<ProblemView>,
}

/// A repair made to a token.
#[derive(Debug, Serialize)]
pub struct TokenRepairView {
    /// The code, such as `trim`.
    pub code: &'static str,
    /// The repair, as a sentence.
    pub text: String,
}

/// An error or a warning about a token.
#[derive(Debug, Serialize)]
pub struct ProblemView {
    /// The code, such as `bad_char`.
    pub code: &'static str,
    /// The character's position, from 1.
    pub position: Option<usize>,
    /// The problem, as a sentence.
    pub text: String,
}

impl From<&TokenReport> for TokenReportView {
    fn from(report: &TokenReport) -> Self {
        Self {
            verdict: match report.verdict {
                TokenVerdict::Accept => "accept",
                TokenVerdict::Warn => "warn",
                TokenVerdict::Reject => "reject",
            },
            family: report.family.code(),
            generation: report.generation.map(|generation| generation.to_string()),
            body_chars: report.body_chars,
            clean_chars: report.clean_chars,
            billing: billing(report.family),
            usable_for: match report.usable_for {
                UsableFor::Inference => "inference",
                UsableFor::AdminOnly => "admin_only",
                UsableFor::RefreshOnly => "refresh_only",
                UsableFor::Gateway => "gateway",
                UsableFor::Unknown => "unknown",
                UsableFor::Nothing => "nothing",
            },
            header: report.header.map(|auth| match auth {
                Auth::ApiKey => "x-api-key",
                Auth::Bearer => "authorization",
            }),
            repairs: report.repairs.iter().map(TokenRepairView::from).collect(),
            problems: report.problems.iter().map(ProblemView::from).collect(),
        }
    }
}

impl From<&TokenRepair> for TokenRepairView {
    fn from(repair: &TokenRepair) -> Self {
        Self {
            code: repair.code(),
            text: repair.to_string(),
        }
    }
}

impl From<&TokenProblem> for ProblemView {
    fn from(problem: &TokenProblem) -> Self {
        Self {
            code: problem.kind.code(),
            position: problem.position,
            text: problem.to_string(),
        }
    }
}

/// Returns the billing class of a token family (docs/facts.md#tokens). The prefix of an OAuth token does not
/// distinguish a plan from an organization.
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

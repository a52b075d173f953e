//! Requests made for the owner: credential checks, also of a new profile, and single prompts.

use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::{CredentialStatus, Verdict};
use keyreeve_store::LedgerEntry;
use serde::Serialize;

use super::ledger::dollars;
use super::{AttemptView, ProfileView};
use crate::ProbeResult;

/// Result of `check`.
#[derive(Debug, Serialize)]
pub struct CheckView {
    /// The model of the test requests.
    pub model: String,
    /// In the order given, or sorted by name.
    pub profiles: Vec<ProfileCheckView>,
}

/// Check result of one profile.
#[derive(Debug, Serialize)]
pub struct ProfileCheckView {
    /// The profile's name.
    pub profile: String,
    /// The upstream's base URL.
    pub base_url: String,
    /// `metered`, `cloud`, `gateway` or `plan`, as declared.
    pub billing: &'static str,
    /// `true` if the upstream is a sandbox.
    pub simulated: bool,
    /// `works`, `revoked_or_mistyped` and so on; `no_credential` if there was no credential to send, `not_tested` if no
    /// test request could be made.
    pub credential_status: &'static str,
    /// The credential status, as text.
    pub summary: String,
    /// The verdict on the response, such as `invalid_key`; null if no request was made.
    pub verdict: Option<&'static str>,
    /// Time at which the credential is usable again, if the response states it.
    pub until: Option<String>,
    /// Suggested remedy; null if the credential works.
    pub remedy: Option<String>,
    /// URL of the page about the verdict.
    pub docs: Option<String>,
    /// The upstream's error message, or the reason for a missing response.
    pub message: Option<String>,
    /// The upstream's status.
    pub status: Option<u16>,
    /// The organization named in the response.
    pub organization_id: Option<String>,
    /// The workspace named in the response.
    pub workspace_id: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// Id of the ledger entry; null if there is none.
    pub attempt: Option<String>,
    /// `true` if the response has the headers of a plan login.
    pub is_plan: bool,
    /// Cost in US dollars.
    pub cost_usd: f64,
    /// `true` if the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
}

/// A new profile, its test, and suggested next steps.
#[derive(Debug, Serialize)]
pub struct OnboardView {
    /// The profile that pays from now on.
    pub profile: ProfileView,
    /// Changes made, as sentences.
    pub changes: Vec<String>,
    /// Result of the profile's test request; null if none was made.
    pub check: Option<ProfileCheckView>,
    /// Commands to continue with.
    pub next_steps: Vec<String>,
}

/// A prompt's response.
#[derive(Debug, Serialize)]
pub struct AskView {
    /// The text of the response.
    pub text: String,
    /// The billing class of the profile: `metered`, `cloud` or `gateway`.
    pub billing: &'static str,
    /// The organization named in the response.
    pub organization_id: Option<String>,
    /// The ledger entry.
    #[serde(flatten)]
    pub attempt: AttemptView,
}

impl ProfileCheckView {
    /// Creates the view of a profile that was not tested, with the code and text of its credential status.
    pub fn not_tested(
        profile: &Profile,
        (credential_status, summary): (&'static str, &str),
        message: Option<String>,
        remedy: Option<String>,
    ) -> Self {
        Self {
            profile: profile.name.to_string(),
            base_url: profile.base_url.to_string(),
            billing: profile.billing.name(),
            simulated: profile.simulated,
            credential_status,
            summary: summary.to_owned(),
            verdict: None,
            until: None,
            remedy,
            docs: None,
            message,
            status: None,
            organization_id: None,
            workspace_id: None,
            upstream_request_id: None,
            attempt: None,
            is_plan: false,
            cost_usd: 0.0,
            cost_is_at_most: false,
            duration_ms: None,
        }
    }

    /// Creates the view of a profile whose response has this verdict.
    pub fn from_verdict(profile: &Profile, verdict: Verdict, message: Option<String>) -> Self {
        let status = verdict.credential_status();
        let works = status == CredentialStatus::Works;
        Self {
            verdict: Some(verdict.code()),
            until: verdict.until().map(|at| at.to_string()),
            docs: (!works).then(|| docs_url(verdict.code())),
            ..Self::not_tested(
                profile,
                (status.code(), status.description()),
                message,
                (!works).then(|| verdict.remedy().to_owned()),
            )
        }
    }

    /// Creates the view of a probed profile.
    pub fn new(profile: &Profile, probed: &ProbeResult) -> Self {
        Self {
            status: probed.status,
            organization_id: probed.organization.clone(),
            workspace_id: probed.workspace.clone(),
            upstream_request_id: probed.upstream_request_id.clone(),
            attempt: Some(probed.attempt.0.simple().to_string()),
            is_plan: probed.is_plan,
            cost_usd: dollars(probed.cost.amount),
            cost_is_at_most: probed.cost.basis != CostBasis::Known,
            duration_ms: u64::try_from(probed.duration.as_millis()).ok(),
            ..Self::from_verdict(profile, probed.verdict, probed.message.clone())
        }
    }
}

impl AskView {
    /// Creates the view of a response and its ledger entry.
    pub fn new(
        profile: &Profile,
        entry: &LedgerEntry,
        text: String,
        organization_id: Option<String>,
    ) -> Self {
        Self {
            text,
            billing: profile.billing.name(),
            organization_id,
            attempt: AttemptView::from(entry),
        }
    }
}

/// Returns the URL of the page about a verdict code.
pub fn docs_url(code: &str) -> String {
    format!(
        "{}/blob/main/docs/responses/{code}.md",
        env!("CARGO_PKG_REPOSITORY")
    )
}

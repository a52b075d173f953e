//! What was asked on the owner's own behalf: probes, and single questions.

use keyreeve_core::price::Basis;
use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::{Health, Verdict};
use keyreeve_store::AttemptRow;
use serde::Serialize;

use super::AttemptView;
use super::ledger::dollars;
use crate::Probed;

/// How well each profile is.
#[derive(Debug, Serialize)]
pub struct CheckView {
    /// The model that was asked.
    pub model: String,
    /// In the order they were named in, else of their names.
    pub profiles: Vec<CheckedView>,
}

/// How well one profile is.
#[derive(Debug, Serialize)]
pub struct CheckedView {
    /// Its name.
    pub profile: String,
    /// Where it leads.
    pub base_url: String,
    /// `metered`, `cloud`, `gateway` or `plan`, as declared.
    pub billing: &'static str,
    /// Whether it leads to a sandbox.
    pub simulated: bool,
    /// `works`, `revoked_or_mistyped` and so on; `no_credential` where there was nothing to send, `not_asked` where
    /// nobody could be asked.
    pub health: &'static str,
    /// The same in words.
    pub words: String,
    /// What the answer means, such as `invalid_key`; none where none was asked for.
    pub verdict: Option<&'static str>,
    /// When it will be usable again, as far as the answer tells.
    pub until: Option<String>,
    /// What to do; none where all is well.
    pub remedy: Option<String>,
    /// The page about the verdict.
    pub page: Option<String>,
    /// The upstream's own words in its error, or why there is no answer.
    pub said: Option<String>,
    /// The upstream's status.
    pub status: Option<u16>,
    /// The organization that answered.
    pub organization_id: Option<String>,
    /// The workspace that answered, where the answer tells.
    pub workspace_id: Option<String>,
    /// The upstream's own id of the request.
    pub upstream_request_id: Option<String>,
    /// The row of the ledger; none where there is none.
    pub attempt: Option<String>,
    /// Whether the answer has the headers of a plan login.
    pub answered_as_plan: bool,
    /// What it cost in US dollars.
    pub cost_usd: f64,
    /// Whether the cost is only an upper bound.
    pub cost_is_at_most: bool,
    /// Milliseconds it took.
    pub took_ms: Option<u64>,
}

/// One question and its answer.
#[derive(Debug, Serialize)]
pub struct AskView {
    /// The answer's text.
    pub text: String,
    /// `metered`, `cloud` or `gateway`: who paid.
    pub billing: &'static str,
    /// The organization that answered.
    pub organization_id: Option<String>,
    /// Its row of the ledger.
    #[serde(flatten)]
    pub attempt: AttemptView,
}

impl CheckedView {
    /// A profile that was not asked, and why; the health's code and words.
    pub fn unasked(
        profile: &Profile,
        (health, words): (&'static str, &str),
        said: Option<String>,
        remedy: Option<String>,
    ) -> Self {
        Self {
            profile: profile.name.to_string(),
            base_url: profile.base_url.to_string(),
            billing: profile.billing.name(),
            simulated: profile.simulated,
            health,
            words: words.to_owned(),
            verdict: None,
            until: None,
            remedy,
            page: None,
            said,
            status: None,
            organization_id: None,
            workspace_id: None,
            upstream_request_id: None,
            attempt: None,
            answered_as_plan: false,
            cost_usd: 0.0,
            cost_is_at_most: false,
            took_ms: None,
        }
    }

    /// A profile of which an answer has this verdict.
    pub fn judged(profile: &Profile, verdict: Verdict, said: Option<String>) -> Self {
        let health = verdict.health();
        let is_well = health == Health::Works;
        Self {
            verdict: Some(verdict.code()),
            until: verdict.until().map(|at| at.to_string()),
            page: (!is_well).then(|| page(verdict.code())),
            ..Self::unasked(
                profile,
                (health.code(), health.words()),
                said,
                (!is_well).then(|| verdict.remedy().to_owned()),
            )
        }
    }

    /// A profile that was probed.
    pub fn of(profile: &Profile, probed: &Probed) -> Self {
        Self {
            status: probed.status,
            organization_id: probed.organization.clone(),
            workspace_id: probed.workspace.clone(),
            upstream_request_id: probed.upstream_request_id.clone(),
            attempt: Some(probed.attempt.0.simple().to_string()),
            answered_as_plan: probed.is_plan,
            cost_usd: dollars(probed.cost.amount),
            cost_is_at_most: probed.cost.basis != Basis::Known,
            took_ms: u64::try_from(probed.took.as_millis()).ok(),
            ..Self::judged(profile, probed.verdict, probed.said.clone())
        }
    }
}

impl AskView {
    /// Shows an answer beside its row of the ledger.
    pub fn of(
        profile: &Profile,
        row: &AttemptRow,
        text: String,
        organization_id: Option<String>,
    ) -> Self {
        Self {
            text,
            billing: profile.billing.name(),
            organization_id,
            attempt: AttemptView::from(row),
        }
    }
}

/// Where the page about a verdict's code is read.
pub fn page(code: &str) -> String {
    format!(
        "{}/blob/main/docs/answers/{code}.md",
        env!("CARGO_PKG_REPOSITORY")
    )
}

//! The published JSON shapes, shared by the command line and the admin API.
//!
//! Invariants: no shape contains a secret; while [`SCHEMA_VERSION`] stays the same, fields are only added; none is
//! renamed or changes its meaning. Times are RFC 3339 in UTC, money is US dollars.

mod advice;
mod binding;
mod check;
mod credential;
mod finding;
mod health;
mod import;
mod ledger;
mod limits;
mod program;
mod protection;
mod requests;
mod status;
mod statusline;
mod token_report;

use serde::Serialize;

pub use advice::{AdviceView, AvoidedView};
pub use binding::{BindingView, BindingsView, ChangedBindingView, ExpectedView};
pub use check::{AskView, CheckView, OnboardView, ProfileCheckView, docs_url};
pub use credential::{KeyState, KeyView, KeysView, ProfileView, ProfilesView, SourceView};
pub use finding::{FindingView, FindingsView};
pub use health::{HealthView, ReasonView};
pub use import::{ImportEntryView, ImportNoteView, ImportOutcome, ImportView, Stage};
pub use ledger::{AttemptView, AttemptsView, TokensView, UsageRowView, UsageView};
pub use limits::{LimitOwnerView, LimitView, LimitsView, OwnerLimitsView, ProfileDetailsView};
pub use program::{AssignmentView, AssignmentsView, CredentialView};
pub use protection::{ProtectedPartView, ProtectionView};
pub use requests::{RequestView, RequestsView};
pub use status::{
    GuardView, LocationView, PayerView, ResolutionView, SlotView, StatusProfileView, StatusView,
    StepView, UnusableView,
};
pub use statusline::{SessionView, SessionWindowView, StatuslineView};
pub use token_report::{ProblemView, TokenRepairView, TokenReportView};

/// The version of the published shapes, incremented when a field is removed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 2;

/// Any shape, preceded by the schema version.
#[derive(Debug, Serialize)]
pub struct Document<T> {
    schema_version: u32,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Document<T> {
    /// Creates a document from a shape, which must be an object.
    pub fn new(body: T) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            body,
        }
    }
}

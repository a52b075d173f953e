//! The published JSON shapes, once, for the command line and the admin API.
//!
//! Invariants: no shape holds a secret; a field is added, never renamed or given another meaning, while
//! [`SCHEMA_VERSION`] stays the same. Times are RFC 3339 in UTC, money is US dollars.

mod advice;
mod assignments;
mod binding;
mod check;
mod credential;
mod finding;
mod handed;
mod import;
mod ledger;
mod limits;
mod onboard;
mod reading;
mod standing;
mod status;
mod statusline;

use serde::Serialize;

pub use advice::{AdviceView, AvoidedView};
pub use assignments::{AssignmentView, AssignmentsView};
pub use binding::{BindingView, BindingsView, ExpectedView, GuardView};
pub use check::{AskView, CheckView, CheckedView, page};
pub use credential::{KeyState, KeyView, KeysView, ProfileView, ProfilesView, SourceView};
pub use finding::{FindingView, FindingsView};
pub use handed::CredentialView;
pub use import::{ImportEntryView, ImportNoteView, ImportOutcome, ImportView, Stage};
pub(crate) use ledger::ending;
pub use ledger::{AttemptView, AttemptsView, TokensView, UsageRowView, UsageView};
pub use limits::{LimitView, LimitsView, ShownView, SubjectView, WhoseView};
pub use onboard::OnboardView;
pub use reading::{FixView, ProblemView, ReadingView};
pub use standing::{ReasonView, StandingView};
pub(crate) use standing::{scope_class, scope_name};
pub use status::{
    PayerView, PlaceView, ResolutionView, RungView, SlotView, StatusProfileView, StatusView,
    UnusableView,
};
pub use statusline::{SessionView, SessionWindowView, StatuslineView};

/// Which shapes these are. It rises when a field goes or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// Any shape, with the version of all shapes before it.
#[derive(Debug, Serialize)]
pub struct Document<T> {
    schema_version: u32,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Document<T> {
    /// Makes a document of a shape, which must be an object.
    pub fn of(body: T) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            body,
        }
    }
}

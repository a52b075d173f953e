//! Starting a program so that one intended credential pays: the variables to remove and to set, and the check that this
//! is enough.
//!
//! Two steps. [`plan`] derives the environment from the goal; [`verify`](fn@verify) resolves what a client would send
//! in the planned environment and fails if that is anything else. Invariants: a plan contains no secret, only the
//! variable that will hold one; a plan login is only given to the genuine client; every check goes through
//! [`resolve`](crate::rules::resolve::resolve), so the prediction and the launch follow the same rules.

mod connection;
mod delivery;
mod error;
mod plan;
mod project;
mod settings_override;
mod target;
mod unknown;
mod verify;

pub use self::connection::{ConnectionError, check_connection};
pub use self::delivery::{EnvAssignment, LaunchWarning};
pub use self::error::{
    ConflictEffect, LaunchError, LaunchErrorKind, ProjectOverride, UnknownEffect,
};
pub use self::plan::{LaunchGoal, LaunchPlan, plan};
pub use self::project::{ProjectSettingsPolicy, find_project_redirect, list_project_overrides};
pub use self::target::Target;
pub use self::unknown::{UnknownEffectPolicy, list_unknown_effects};
pub use self::verify::{VerifiedPlan, verify};

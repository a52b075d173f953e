//! How a program is started so that one credential, the one meant, pays: which variables go, which come, and whether
//! that is enough.
//!
//! Two steps. [`plan`] makes the environment out of what is meant; [`judge`] asks the resolver what a client would send
//! in the world so planned, and refuses where that is anything else. Invariants: a plan holds no secret, only the place
//! where one goes; no plan login goes to anything but the genuine client; nothing is judged but through
//! [`resolve`](crate::resolve::resolve), so that what is said beforehand and what happens come from the same rules.

mod judge;
mod plan;
mod project;
mod refusal;
mod settings_argument;
mod target;
mod way;

pub use self::judge::{Judged, judge};
pub use self::plan::{Assignment, Intention, Plan, Warning, plan};
pub(crate) use self::project::fetches;
pub use self::project::{ProjectSettings, diverted_by_project, inspect_project};
pub use self::refusal::{Does, Lacks, Offence, Refusal};
pub use self::target::{Program, Target};

//! The raw secret of a profile, for a program of the person's own that asks for it.
//!
//! Invariants: only a profile that was marked for it gives its secret; a plan login gives none, whatever its mark.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Handing, Profile};

use crate::Broker;
use crate::sources::{self, SourceError};

/// Why a raw secret is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The profile is not marked for it: its secret leaves inside of requests only.
    #[error("profile `{profile}` is not marked as one whose secret may be handed out")]
    Leased {
        /// Its name.
        profile: String,
    },
    /// A plan login is used by the genuine client alone (docs/facts.md#terms).
    #[error("profile `{profile}` is a plan login, and those are handed to Claude Code alone")]
    PlanLogin {
        /// Its name.
        profile: String,
    },
    /// An answer showed the profile to be a plan login (`docs/answers/plan_behind_key.md`).
    #[error(
        "the answers of profile `{profile}` show that it is a plan login, and those are handed to Claude Code alone"
    )]
    ShownPlan {
        /// Its name.
        profile: String,
    },
    /// The secret could not be had.
    #[error("the secret of profile `{profile}` cannot be had")]
    Source {
        /// Its name.
        profile: String,
        /// Why.
        #[source]
        source: SourceError,
    },
}

impl Broker {
    /// Fetches the secret of a profile that is marked [`Handing::Direct`], bound to its origin.
    ///
    /// # Errors
    /// See [`DirectError`].
    pub async fn direct(self: &Arc<Self>, profile: &Profile) -> Result<Credential, DirectError> {
        let name = profile.name.to_string();
        if profile.is_plan_login() {
            return Err(DirectError::PlanLogin { profile: name });
        }
        if self.has_shown_a_plan(profile) {
            return Err(DirectError::ShownPlan { profile: name });
        }
        match profile.handing {
            Handing::Leased => Err(DirectError::Leased { profile: name }),
            Handing::Direct => {
                sources::obtain(self, profile)
                    .await
                    .map_err(|source| DirectError::Source {
                        profile: name,
                        source,
                    })
            }
        }
    }
}

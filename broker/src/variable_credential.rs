//! A credential in an environment variable, for a program that is started without a store, as in CI.
//!
//! Invariants: nothing is read from a store and nothing is saved; the credential is bound to one base URL like that of a
//! profile, and a plan's token stays a plan's.

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{
    Auth, BillingClass, Name, NameError, Profile, ProfileId, SecretExposure, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Family, TokenProblem, UsableFor};
use keyreeve_os::environment::Environment;
use uuid::Uuid;

/// A variable cannot be used as a program's credential. No text contains any part of its value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VariableCredentialError {
    /// It is not set, empty, or not UTF-8.
    #[error("environment variable {0} is not set")]
    NotSet(String),
    /// It is no credential.
    #[error("environment variable {variable} is not a usable credential: {problem}")]
    NotACredential {
        /// Its name.
        variable: String,
        /// The problem.
        problem: TokenProblem,
    },
    /// Its credential cannot call models.
    #[error("environment variable {variable} contains an {family}, which cannot call models")]
    WrongKind {
        /// Its name.
        variable: String,
        /// The family.
        family: Family,
    },
    /// Its name is not usable in messages.
    #[error("environment variable {variable} has a name that cannot be used")]
    Name {
        /// Its name.
        variable: String,
        /// The reason.
        #[source]
        source: NameError,
    },
}

/// Reads the credential of a variable, and describes it as a profile that is saved nowhere.
///
/// # Errors
/// [`VariableCredentialError`] if the variable has no usable credential.
pub fn read_variable_credential(
    variable: &str,
    base_url: BaseUrl,
    environment: &Environment,
    now: Timestamp,
) -> Result<(Profile, Secret), VariableCredentialError> {
    let owned = || variable.to_owned();
    let value = environment
        .get(variable)
        .filter(|value| !value.trim().is_empty())
        .ok_or_else(|| VariableCredentialError::NotSet(owned()))?;
    let api = Api::from_base_url(&base_url);
    let report = token::read(value, api.grammar());
    let (family, usable_for) = (report.family, report.usable_for);
    let Some(secret) = report.token else {
        return Err(match report.problems.first() {
            Some(problem) => VariableCredentialError::NotACredential {
                variable: owned(),
                problem: *problem,
            },
            None => VariableCredentialError::NotSet(owned()),
        });
    };
    match usable_for {
        UsableFor::Inference | UsableFor::Gateway | UsableFor::Unknown => {}
        UsableFor::AdminOnly | UsableFor::RefreshOnly | UsableFor::Nothing => {
            return Err(VariableCredentialError::WrongKind {
                variable: owned(),
                family,
            });
        }
    }
    let name = variable.trim_start_matches('_').parse::<Name>();
    let name = name.map_err(|source| VariableCredentialError::Name {
        variable: owned(),
        source,
    })?;
    // Somebody put it there, so an OAuth token is a person's plan, as a pasted one is (docs/facts.md#tokens).
    let is_plan = family == Family::OauthAccess;
    let profile = Profile {
        id: ProfileId(Uuid::nil()),
        name,
        provenance: api.provenance(&Source::Sealed, family),
        billing: if is_plan {
            BillingClass::Plan
        } else {
            api.billing()
        },
        auth: if is_plan {
            Auth::Bearer
        } else {
            api.default_auth()
        },
        source: Source::Environment { variable: owned() },
        base_url,
        family: Some(family),
        hint: report.hint,
        secret_exposure: SecretExposure::Programs,
        simulated: false,
        expires_at: None,
        created_at: now,
        rotated_at: None,
    };
    Ok((profile, secret))
}

//! Findings about keyreeve's own profiles and store, and about SDK profiles (docs/facts.md#sdk-profiles).

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::profile::{BillingClass, Profile, Provenance};
use keyreeve_core::token::{Family, SETUP_TOKEN_LIFETIME};
use keyreeve_core::verdict::Verdict;

use super::evidence::Evidence;
use super::{Finding, FindingCode, FindingLocation, Fix, quoted, shown};
use crate::rules::sdk_store::{SdkConfig, SdkCredentials, SdkKind, SdkProfile, SdkStore};
use crate::rules::snapshot::{Snapshot, UnverifiedRow};

/// Remaining lifetime below which a credential is reported.
const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for profile in &snapshot.keyreeve.profiles {
        found.extend(billing_mismatch(profile));
        found.extend(expiring(profile, snapshot.now));
        found.extend(token_older_than_password(
            profile,
            evidence.password_changed_at,
        ));
    }
    found.extend(snapshot.keyreeve.unverified.iter().map(not_verified));
    for response in &evidence.last_responses {
        if let Some(remedy) = Verdict::remedy_if_unusable(&response.verdict) {
            found.push(Finding::new(
                FindingCode::LastResponseDead,
                FindingLocation::Profile {
                    name: response.profile.to_string(),
                },
                format!(
                    "the response at {:.0} had the verdict `{}`",
                    response.at, response.verdict
                ),
                Fix::manual(remedy),
            ));
        }
    }
    for store in &snapshot.sdk_stores {
        found.extend(
            store
                .profiles
                .iter()
                .filter_map(|profile| sdk_profile(store, profile, snapshot.now)),
        );
    }
    found.extend(evidence.stale_runtime_file.as_deref().map(|path| {
        Finding::new(
            FindingCode::StaleRuntimeFile,
            FindingLocation::file(path),
            "this file names a gateway that is no longer running; the next one replaces it",
            Fix::Run(format!("rm {}", quoted(path))),
        )
    }));
    found.extend(evidence.store_error.as_deref().map(|error| {
        Finding::new(
            FindingCode::StoreUnavailable,
            FindingLocation::Machine,
            format!("keyreeve's profiles could not be checked: {error}"),
            Fix::Run("keyreeve store info".to_owned()),
        )
    }));
    found
}

fn location(profile: &Profile) -> FindingLocation {
    FindingLocation::Profile {
        name: profile.name.to_string(),
    }
}

fn not_verified(row: &UnverifiedRow) -> Finding {
    let (location, what, command) = match row {
        UnverifiedRow::Profile(name) => (
            FindingLocation::Profile {
                name: name.to_string(),
            },
            format!("profile {name}"),
            format!("keyreeve profile remove {name}"),
        ),
        UnverifiedRow::Key(name) => (
            FindingLocation::Machine,
            format!("virtual key {name}"),
            format!("keyreeve key revoke {name}"),
        ),
    };
    let message = format!(
        "{what} is not verified: something other than keyreeve changed it, so it is not used"
    );
    Finding::new(
        FindingCode::NotVerified,
        location,
        message,
        Fix::Run(command),
    )
}

fn billing_mismatch(profile: &Profile) -> Option<Finding> {
    let is_plan = profile.billing == BillingClass::Plan;
    let is_oauth = profile.family == Some(Family::OauthAccess);
    let is_api_key = profile.family == Some(Family::ApiKey);
    let problem = match profile.provenance {
        Provenance::SetupToken if !is_plan => {
            "its setup token is paid by a plan, but its billing class is not `plan`"
        }
        Provenance::SetupToken if is_api_key => {
            "its provenance is `setup-token`, but it contains an API key"
        }
        Provenance::Console if is_oauth => {
            "its provenance is `console`, but it contains an OAuth token"
        }
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown
            if is_plan && is_api_key =>
        {
            "its billing class is `plan`, but it contains an API key, which API credit pays for"
        }
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown => return None,
    };
    Some(Finding::new(
        FindingCode::BillingMismatch,
        location(profile),
        format!("profile {}: {problem}", profile.name),
        Fix::Run(format!("keyreeve profile remove {}", profile.name)),
    ))
}

/// Returns the time the profile got its current secret.
fn secret_since(profile: &Profile) -> Timestamp {
    profile.rotated_at.unwrap_or(profile.created_at)
}

fn expiring(profile: &Profile, now: Timestamp) -> Option<Finding> {
    let (end, verb) = match (profile.expires_at, profile.provenance) {
        (Some(end), _) => (end, "expires at"),
        (None, Provenance::SetupToken) => (
            secret_since(profile)
                .checked_add(SETUP_TOKEN_LIFETIME)
                .ok()?,
            "expires no later than",
        ),
        (
            None,
            Provenance::Console
            | Provenance::Federation
            | Provenance::AntLogin
            | Provenance::Gateway
            | Provenance::Unknown,
        ) => return None,
    };
    let remaining = end.duration_since(now);
    let message = if remaining <= SignedDuration::ZERO {
        format!(
            "the credential of profile {} expired at {end:.0}",
            profile.name
        )
    } else if remaining <= EXPIRY_WARNING {
        format!("the credential of profile {} {verb} {end:.0}", profile.name)
    } else {
        return None;
    };
    Some(Finding::new(
        FindingCode::Expiring,
        location(profile),
        message,
        Fix::Run(format!("keyreeve profile rotate {}", profile.name)),
    ))
}

fn token_older_than_password(profile: &Profile, changed: Option<Timestamp>) -> Option<Finding> {
    let changed = changed?;
    (profile.provenance == Provenance::SetupToken && secret_since(profile) < changed).then(|| {
        Finding::new(
            FindingCode::TokenOlderThanPassword,
            location(profile),
            format!("the setup token of profile {} is older than the last password change, which may have revoked it", profile.name),
            Fix::Run("claude setup-token".to_owned()),
        )
    })
}

/// Returns the folder of the file that is wrong, the line in it and the problem.
fn sdk_profile_problem(
    profile: &SdkProfile,
    now: Timestamp,
) -> Option<(&'static str, Option<usize>, &'static str)> {
    Some(match (&profile.config, &profile.credentials) {
        (SdkConfig::Damaged { line }, _) => {
            ("configs", Some(*line), "its configuration is damaged")
        }
        (SdkConfig::Refused, _) => (
            "configs",
            None,
            "its configuration cannot be read, or is writable by other users",
        ),
        (
            SdkConfig::Known { .. },
            Some(
                SdkCredentials::Damaged
                | SdkCredentials::Empty
                | SdkCredentials::NoToken
                | SdkCredentials::BlankToken
                | SdkCredentials::UnsendableToken,
            ),
        ) => ("credentials", None, "its credential file is damaged"),
        (SdkConfig::Known { .. }, Some(SdkCredentials::Refused)) => (
            "credentials",
            None,
            "its credential file cannot be read, or is open to other users",
        ),
        (
            SdkConfig::Known {
                kind: SdkKind::ExternallyRotated,
                ..
            },
            Some(
                SdkCredentials::Present {
                    expires_at: Some(end),
                }
                | SdkCredentials::NotForPython {
                    expires_at: Some(end),
                },
            ),
        ) if *end <= now => (
            "credentials",
            None,
            "its token has expired, and the program that rotates it has not replaced it",
        ),
        (SdkConfig::Known { .. }, Some(SdkCredentials::NotForPython { .. })) => (
            "credentials",
            None,
            "Python refuses its credential file, or cannot send its token",
        ),
        (SdkConfig::Known { .. }, Some(SdkCredentials::Present { .. }) | None) => return None,
    })
}

fn sdk_profile(store: &SdkStore, profile: &SdkProfile, now: Timestamp) -> Option<Finding> {
    let directory = &store.directory;
    let (folder, line, problem) = sdk_profile_problem(profile, now)?;
    let file = format!("{directory}/{folder}/{}.json", profile.name);
    let fix = Fix::manual(format!(
        "check {}, or sign in again with `ant auth login`",
        shown(&file)
    ));
    Some(Finding::new(
        FindingCode::SdkProfile,
        FindingLocation::File { path: file, line },
        format!(
            "the SDKs cannot use profile {}: {problem}",
            shown(&profile.name)
        ),
        fix,
    ))
}

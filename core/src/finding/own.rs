//! What is wrong with what keyreeve keeps, and with the profiles of the official SDKs (docs/facts.md#sdk-profiles).

use jiff::{SignedDuration, Timestamp};

use crate::profile::{BillingClass, Profile, Provenance};
use crate::sdk_store::{SdkConfig, SdkCredentials, SdkKind, SdkProfile, SdkStore};
use crate::snapshot::Snapshot;
use crate::token::Family;
use crate::verdict::Verdict;

use super::evidence::Evidence;
use super::{Code, Finding, Mend, Spot, quoted, shown};

/// A setup token lives a year (docs/facts.md#tokens).
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long before its end a credential is told.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for profile in &snapshot.own.profiles {
        found.extend(mode(profile));
        found.extend(ending(profile, snapshot.now));
        found.extend(older_than_password(profile, evidence.password_changed));
    }
    for answer in &evidence.last_answers {
        if let Some(remedy) = Verdict::remedy_where_dead(&answer.verdict) {
            found.push(Finding::new(
                Code::LastAnswerDead,
                Spot::Profile {
                    name: answer.profile.to_string(),
                },
                format!("at {:.0} the API answered `{}`", answer.at, answer.verdict),
                Mend::words(remedy),
            ));
        }
    }
    for store in &snapshot.sdk_stores {
        found.extend(
            store
                .profiles
                .iter()
                .filter_map(|one| sdk(store, one, snapshot.now)),
        );
    }
    found.extend(evidence.stale_runtime_file.as_deref().map(|path| {
        Finding::new(
            Code::StaleRuntimeFile,
            Spot::file(path),
            "this names a gateway that does not run any more; the next one replaces it",
            Mend::Run(format!("rm {}", quoted(path))),
        )
    }));
    found.extend(evidence.store_closed.as_deref().map(|why| {
        Finding::new(
            Code::StoreClosed,
            Spot::Machine,
            format!("keyreeve's profiles could not be looked at: {why}"),
            Mend::Run("keyreeve store info".to_owned()),
        )
    }));
    found
}

fn spot(profile: &Profile) -> Spot {
    Spot::Profile {
        name: profile.name.to_string(),
    }
}

fn mode(profile: &Profile) -> Option<Finding> {
    let plan = profile.billing == BillingClass::Plan;
    let oauth = profile.family == Some(Family::OauthAccess);
    let key = profile.family == Some(Family::ApiKey);
    let what = match profile.provenance {
        Provenance::SetupToken if !plan => {
            "it holds a setup token, which a plan pays for, and says that no plan pays"
        }
        Provenance::SetupToken if key => {
            "it is said to come from `claude setup-token`, and holds an API key"
        }
        Provenance::Console if oauth => {
            "it is said to come from the Console, and holds an OAuth token"
        }
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown
            if plan && key =>
        {
            "it says that a plan pays, and holds an API key, which API credit pays for"
        }
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown => return None,
    };
    Some(Finding::new(
        Code::ModeAgainstToken,
        spot(profile),
        format!("profile {}: {what}", profile.name),
        Mend::Run(format!("keyreeve profile remove {}", profile.name)),
    ))
}

/// Since when its present secret is kept.
fn since(profile: &Profile) -> Timestamp {
    profile.rotated_at.unwrap_or(profile.created_at)
}

fn ending(profile: &Profile, now: Timestamp) -> Option<Finding> {
    let (end, sure) = match (profile.expires_at, profile.provenance) {
        (Some(end), _) => (end, "ends"),
        (None, Provenance::SetupToken) => {
            (since(profile).checked_add(YEAR).ok()?, "ends at the latest")
        }
        (
            None,
            Provenance::Console
            | Provenance::Federation
            | Provenance::AntLogin
            | Provenance::Gateway
            | Provenance::Unknown,
        ) => return None,
    };
    let left = end.duration_since(now);
    let sentence = if left <= SignedDuration::ZERO {
        format!(
            "the credential of profile {} ended at {end:.0}",
            profile.name
        )
    } else if left <= SOON {
        format!(
            "the credential of profile {} {sure} at {end:.0}",
            profile.name
        )
    } else {
        return None;
    };
    Some(Finding::new(
        Code::Ending,
        spot(profile),
        sentence,
        Mend::Run(format!("keyreeve profile rotate {}", profile.name)),
    ))
}

fn older_than_password(profile: &Profile, changed: Option<Timestamp>) -> Option<Finding> {
    let changed = changed?;
    (profile.provenance == Provenance::SetupToken && since(profile) < changed).then(|| {
        Finding::new(
            Code::OlderThanPassword,
            spot(profile),
            format!("the setup token of profile {} is older than the change of password, which may have revoked it", profile.name),
            Mend::Run("claude setup-token".to_owned()),
        )
    })
}

fn sdk(store: &SdkStore, profile: &SdkProfile, now: Timestamp) -> Option<Finding> {
    let directory = &store.directory;
    let of = |folder: &str| format!("{directory}/{folder}/{}.json", profile.name);
    let (file, line, why) = match (&profile.config, &profile.credentials) {
        (SdkConfig::Damaged { line }, _) => {
            (of("configs"), Some(*line), "its configuration is damaged")
        }
        (SdkConfig::Refused, _) => (
            of("configs"),
            None,
            "its configuration may not be read, or others may write it",
        ),
        (SdkConfig::Known { .. }, Some(SdkCredentials::Damaged)) => {
            (of("credentials"), None, "its credential file is damaged")
        }
        (SdkConfig::Known { .. }, Some(SdkCredentials::Refused)) => (
            of("credentials"),
            None,
            "its credential file may not be read, or is open to others",
        ),
        (
            SdkConfig::Known {
                kind: SdkKind::RotatedOutside,
                ..
            },
            Some(SdkCredentials::Present {
                expires_at: Some(end),
            }),
        ) if *end <= now => (
            of("credentials"),
            None,
            "its token has ended, and the program that is to renew it has not",
        ),
        (SdkConfig::Known { .. }, Some(SdkCredentials::Present { .. }) | None) => return None,
    };
    let mend = Mend::words(format!(
        "look at {}, or sign in again with `ant auth login`",
        shown(&file)
    ));
    Some(Finding::new(
        Code::SdkProfile,
        Spot::File { path: file, line },
        format!(
            "the SDKs cannot use their profile {}: {why}",
            shown(&profile.name)
        ),
        mend,
    ))
}

//! Verifies a launch plan: resolves what each possible client would send in the planned environment.

use std::path::Path;

use keyreeve_core::binding::Expected;
use keyreeve_core::origin::{BaseUrl, PlainHttp};

use super::delivery::CredentialDelivery;
use super::error::{ConflictEffect, LaunchError};
use super::plan::LaunchPlan;
use super::settings_override::without_helper;
use super::target::Target;
use crate::rules::claude_code::{Login, RejectedKeys, SettingsFile, SettingsScope, SettingsState};
use crate::rules::resolve::{
    ChainStep, Flaw, Location, Method, PayerClass, Resolution, SkipReason, StepState,
    check_payer_class, resolve,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{CLAUDE_CONFIG_DIR, LOGIN_DIRECTORY, SIMPLE};

/// The address of requests unless a setting overrides it.
const VENDOR_BASE_URL: &str = "https://api.anthropic.com";

/// A launch plan that passed verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedPlan {
    /// One line without a full stop: which credential pays for which program.
    pub summary: String,
    /// The value to pass as `--settings` in place of the user's own, if one is needed.
    pub settings_argument: Option<String>,
    resolution: Resolution,
    /// The keys that the program would ignore.
    rejected_keys: RejectedKeys,
}

/// Verifies a plan against the planned snapshot, which was gathered over [`LaunchPlan::environment`].
///
/// # Errors
/// [`LaunchError`] if anything but the intended credential would be sent, or it would be sent to another address.
pub fn verify(
    mut planned: Snapshot,
    plan: &LaunchPlan,
    target: &Target,
) -> Result<VerifiedPlan, LaunchError> {
    let settings_argument = match check(&planned, plan, target) {
        Err(LaunchError::Conflict { location, .. })
            if is_helper(&location) && plan.is_managed() =>
        {
            let text = without_helper(&target.arguments)?;
            planned
                .settings
                .retain(|file| file.scope != SettingsScope::Flag);
            planned.settings.push(SettingsFile::from_argument(&text));
            Some(text)
        }
        Ok(_) | Err(_) => None,
    };
    let resolution = check(&planned, plan, target)?;
    let rejected_keys = match &plan.delivery {
        CredentialDelivery::ApiKey if target.asks_about_keys() => planned.rejected_keys,
        CredentialDelivery::ApiKey
        | CredentialDelivery::AuthToken { .. }
        | CredentialDelivery::VirtualKey { .. }
        | CredentialDelivery::OauthToken { .. }
        | CredentialDelivery::SdkProfile { .. }
        | CredentialDelivery::Login { .. } => RejectedKeys::default(),
    };
    Ok(VerifiedPlan {
        summary: summary(plan, target, &resolution),
        settings_argument,
        resolution,
        rejected_keys,
    })
}

impl VerifiedPlan {
    /// Checks the secret itself, for which the plan has only a placeholder: the user may have rejected it in the
    /// program.
    ///
    /// # Errors
    /// [`LaunchError::KeyRejected`].
    pub fn check_secret(&self, secret: &str, plan: &LaunchPlan) -> Result<(), LaunchError> {
        match &plan.payer {
            Some(profile) if self.rejected_keys.contains(secret) => Err(LaunchError::KeyRejected {
                profile: profile.name.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the expected account pays.
    ///
    /// # Errors
    /// [`LaunchError::PayerMismatch`].
    pub fn check_expected(
        &self,
        expected: &Expected,
        plan: &LaunchPlan,
    ) -> Result<(), LaunchError> {
        match plan.payer.as_ref() {
            None => self.resolution.check_payer(expected)?,
            Some(profile) => {
                check_payer_class(expected, profile.class, &profile.name, &self.summary)?;
            }
        }
        Ok(())
    }
}

fn is_helper(location: &Location) -> bool {
    matches!(location, Location::Setting { key, .. } if key == "apiKeyHelper")
}

/// Returns the resolution of the newest client, if every client would send the intended credential.
fn check(
    planned: &Snapshot,
    plan: &LaunchPlan,
    target: &Target,
) -> Result<Resolution, LaunchError> {
    let mut last = None;
    for client in &target.clients {
        let resolution = resolve(planned, *client);
        check_login(planned, &resolution, plan)?;
        check_login_directory(planned, plan)?;
        check_background_keys(&resolution, plan)?;
        check_conflicts(&resolution, plan)?;
        check_unreadable_settings(&resolution, plan)?;
        check_sdk_base_url(&resolution, plan)?;
        check_intended_is_sent(planned, &resolution, plan)?;
        last = Some(resolution);
    }
    last.ok_or_else(|| LaunchError::NoOwnLogin {
        file: target.file.clone(),
    })
}

/// Checks that an intended login or SDK profile exists and is usable; otherwise the next step of the chain would pay.
fn check_login(
    planned: &Snapshot,
    resolution: &Resolution,
    plan: &LaunchPlan,
) -> Result<(), LaunchError> {
    let is_intended = |step: &&ChainStep| {
        matches!(step.method, Method::Login | Method::SdkProfile)
            && plan.delivery.is_intended(&step.location)
    };
    let Some(step) = resolution.steps.iter().find(is_intended) else {
        return Ok(());
    };
    let unusable = |flaw| LaunchError::Unusable {
        location: step.location.clone(),
        flaw,
    };
    if let StepState::NotRead { reason } = step.state
        && let Some(flaw) = reason.flaw()
    {
        return Err(unusable(flaw));
    }
    match (step.method, &planned.login) {
        (Method::Login, _) if step.state == StepState::Absent => Err(LaunchError::NoLogin),
        // It would be sent, and the API would refuse it.
        (Method::Login, Some(login)) if login.is_expired(planned.now) => {
            Err(unusable(Flaw::Expired))
        }
        _ => Ok(()),
    }
}

/// Checks that the login is read in the directory that the profile names, and not where a setting leads to.
fn check_login_directory(planned: &Snapshot, plan: &LaunchPlan) -> Result<(), LaunchError> {
    let Some(directory) = plan.delivery.login_directory(planned) else {
        return Ok(());
    };
    let is_there = |login: &Login| Path::new(&login.path).parent() == Some(Path::new(&directory));
    if planned.login.as_ref().is_none_or(is_there) {
        return Ok(());
    }
    let in_file = |file: &SettingsFile| {
        let SettingsState::Read(settings) = &file.state else {
            return None;
        };
        let mut names = [LOGIN_DIRECTORY, CLAUDE_CONFIG_DIR].into_iter();
        let (name, setting) = names.find_map(|name| Some((name, settings.variable(name)?)))?;
        Some(Location::Setting {
            scope: file.scope,
            path: file.path.clone(),
            line: setting.line,
            key: format!("env.{name}"),
        })
    };
    match planned.settings.iter().find_map(in_file) {
        Some(location) => Err(LaunchError::Conflict {
            location,
            effect: ConflictEffect::MovesLogin,
        }),
        None => Ok(()),
    }
}

/// Checks that no key is sent next to a plan's token: Claude Code attaches the one of a Console sign-in, and one that it
/// ignores in favor of a login, to requests that it makes in the background (docs/facts.md#claude-code-host).
fn check_background_keys(resolution: &Resolution, plan: &LaunchPlan) -> Result<(), LaunchError> {
    let is_sent = |step: &&ChainStep| match step.method {
        Method::StoredKey => matches!(
            step.state,
            StepState::Shadowed { .. }
                | StepState::NotRead {
                    reason: SkipReason::Unusable(_)
                }
        ),
        Method::ApiKey | Method::AuthToken | Method::Helper => {
            let preferred = StepState::NotRead {
                reason: SkipReason::LoginPreferred,
            };
            step.state == preferred
        }
        Method::Cloud
        | Method::CloudKey
        | Method::CustomHeader
        | Method::OauthToken
        | Method::SdkProfile
        | Method::Federation
        | Method::Login
        | Method::AddressUser
        | Method::Profile => false,
    };
    match resolution.steps.iter().find(is_sent) {
        Some(step) if plan.delivery.is_plan_token() => Err(LaunchError::Conflict {
            location: step.location.clone(),
            effect: ConflictEffect::IsSentInBackground,
        }),
        Some(_) | None => Ok(()),
    }
}

/// Checks that nothing overrides the intended credential.
fn check_conflicts(resolution: &Resolution, plan: &LaunchPlan) -> Result<(), LaunchError> {
    let conflict = |location: &Location, effect| LaunchError::Conflict {
        location: location.clone(),
        effect,
    };
    for step in &resolution.steps {
        match step.state {
            StepState::On => return Err(conflict(&step.location, ConflictEffect::UsesCloud)),
            StepState::Broken(flaw) if !plan.delivery.is_intended(&step.location) => {
                return Err(conflict(&step.location, ConflictEffect::Breaks(flaw)));
            }
            StepState::Broken(_)
            | StepState::Taken { .. }
            | StepState::Off
            | StepState::Shadowed { .. }
            | StepState::NotRead { .. }
            | StepState::Absent
            | StepState::Empty => {}
        }
    }
    for slot in resolution.slots() {
        if !plan.delivery.is_intended(&slot.location) {
            return Err(conflict(&slot.location, ConflictEffect::IsSent));
        }
    }
    match &resolution.base_url_override {
        Some(found) if !is_intended_base_url(found.base_url.as_deref(), &found.location, plan) => {
            Err(conflict(&found.location, ConflictEffect::ChangesBaseUrl))
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks that every settings file that could override the plan is readable. No file can if the host manages the
/// provider.
fn check_unreadable_settings(
    resolution: &Resolution,
    plan: &LaunchPlan,
) -> Result<(), LaunchError> {
    match &resolution.unreadable_settings {
        Some(path) if !plan.is_managed() => {
            Err(LaunchError::UnreadableSettings { path: path.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns `true` if requests may be sent to the base URL of a setting.
fn is_intended_base_url(base_url: Option<&str>, location: &Location, plan: &LaunchPlan) -> bool {
    if matches!(plan.delivery, CredentialDelivery::SdkProfile { .. })
        && plan.delivery.is_intended(location)
    {
        return true;
    }
    let origin = base_url.and_then(|text| BaseUrl::parse(text, PlainHttp::LoopbackOnly).ok());
    origin.is_some_and(|base_url| match plan.delivery.custom_endpoint() {
        None => base_url.origin().is_first_party(),
        Some(endpoint) => base_url.to_string() == endpoint.base_url,
    })
}

/// Checks that an SDK profile, which has a base URL of its own, sends requests to the one that the keyreeve profile is
/// bound to, as a lease of it would.
fn check_sdk_base_url(resolution: &Resolution, plan: &LaunchPlan) -> Result<(), LaunchError> {
    let (CredentialDelivery::SdkProfile { name, .. }, Some(profile)) =
        (&plan.delivery, &plan.payer)
    else {
        return Ok(());
    };
    let sdk_base_url = match &resolution.base_url_override {
        Some(found) => found.base_url.as_deref().unwrap_or("an invalid address"),
        None => VENDOR_BASE_URL,
    };
    match BaseUrl::parse(sdk_base_url, PlainHttp::LoopbackOnly) {
        Ok(base_url) if base_url == profile.base_url => Ok(()),
        Ok(_) | Err(_) => Err(LaunchError::BaseUrlMismatch {
            name: name.clone(),
            sdk_base_url: sdk_base_url.to_owned(),
            profile: profile.name.clone(),
            bound_to: Box::new(profile.base_url.clone()),
        }),
    }
}

/// Checks that the intended credential is sent.
fn check_intended_is_sent(
    planned: &Snapshot,
    resolution: &Resolution,
    plan: &LaunchPlan,
) -> Result<(), LaunchError> {
    if resolution.slots().next().is_some() {
        return Ok(());
    }
    let intended = resolution
        .steps
        .iter()
        .filter(|step| plan.delivery.is_intended(&step.location) && step.state != StepState::Absent)
        .min_by_key(|step| step.method != Method::SdkProfile);
    Err(match intended {
        Some(step) => reason_not_sent(planned, step, resolution, plan),
        None => not_used(resolution, plan),
    })
}

/// Returns the reason the intended step fills no header.
fn reason_not_sent(
    planned: &Snapshot,
    step: &ChainStep,
    resolution: &Resolution,
    plan: &LaunchPlan,
) -> LaunchError {
    let unusable = |flaw| LaunchError::Unusable {
        location: step.location.clone(),
        flaw,
    };
    match step.state {
        StepState::Broken(flaw) => unusable(flaw),
        StepState::NotRead {
            reason: SkipReason::Bare,
        } => bare_by_settings(planned).unwrap_or_else(|| LaunchError::BareMode {
            credential: plan.delivery.description(),
        }),
        StepState::NotRead { reason } => reason
            .flaw()
            .map_or_else(|| not_used(resolution, plan), unusable),
        StepState::Taken { .. }
        | StepState::On
        | StepState::Off
        | StepState::Shadowed { .. }
        | StepState::Absent
        | StepState::Empty => not_used(resolution, plan),
    }
}

fn not_used(resolution: &Resolution, plan: &LaunchPlan) -> LaunchError {
    LaunchError::NotUsed {
        credential: plan.delivery.description(),
        headline: resolution.headline().to_owned(),
    }
}

/// Returns the conflict with a settings file that starts Claude Code in bare mode, if there is one.
fn bare_by_settings(planned: &Snapshot) -> Option<LaunchError> {
    planned.settings.iter().find_map(|file| {
        let SettingsState::Read(settings) = &file.state else {
            return None;
        };
        let setting = settings.variable(SIMPLE)?;
        Some(LaunchError::Conflict {
            location: Location::Setting {
                scope: file.scope,
                path: file.path.clone(),
                line: setting.line,
                key: format!("env.{SIMPLE}"),
            },
            effect: ConflictEffect::MakesBare,
        })
    })
}

/// Returns the summary line: which credential pays for which program.
fn summary(plan: &LaunchPlan, target: &Target, resolution: &Resolution) -> String {
    let file = &target.file;
    let Some(profile) = &plan.payer else {
        let class = resolution.payer.class.description();
        return format!("{} pays ({class}) for {file}", plan.delivery.description());
    };
    let credential = format!("{} {}", plan.delivery.description(), profile.label);
    let marked = if profile.simulated { ", simulated" } else { "" };
    if let CredentialDelivery::VirtualKey { gateway } = &plan.delivery {
        let (name, base_url) = (&profile.name, &gateway.base_url);
        let payer = match profile.class {
            PayerClass::Gateway => {
                format!("profile {name} uses a gateway that decides who pays")
            }
            class => format!("profile {name} pays ({}{marked})", class.description()),
        };
        return format!("{payer} for {file}, which gets a virtual key for keyreeve at {base_url}");
    }
    match (plan.delivery.custom_endpoint(), profile.class) {
        (Some(endpoint), PayerClass::Gateway) => format!(
            "{credential} is sent to {} for {file}, and that gateway decides who pays",
            endpoint.base_url
        ),
        (_, class) => format!(
            "{credential} pays ({}{marked}) for {file}",
            class.description()
        ),
    }
}

//! The key for a client that asks for one (`helper`, `credential`): a short-lived virtual key if a gateway proves its identity,
//! or the raw credential if its profile allows that.
//!
//! Invariants: a client gets nothing if it would send the key to another server, or does not know where to send it; there is
//! no prompt, and local work ends within a second.

mod create;
mod deadline;
mod destination;

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_broker::RawKeyError;
use keyreeve_broker::admin::AdminError;
use keyreeve_broker::admin::profiles::{find_or_default, find_profile};
use keyreeve_core::profile::{Name, Profile, SecretExposure};
use keyreeve_core::secret::Secret;
use keyreeve_os::deadline::Deadline;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::snapshot::KeyreeveState;
use keyreeve_store::Policy;

use self::create::Period;
pub(crate) use self::deadline::find_in_time;
use self::deadline::{Progress, ProgressSender};
use self::destination::{Destination, SettingsDestination, destination_in_settings};
use crate::args::CredentialArgs;
use crate::context::Context;
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::running_gateway::{
    self, GatewayStatus, RunningGateway, TicketStatus, UnverifiedGatewayError,
};
use crate::runtime::BlockingRuntime;
use crate::variables;

/// Time limit for verifying the gateway and for waiting on other helpers, before the store is opened.
const GATEWAY_TIMEOUT: Duration = Duration::from_millis(600);
/// Delay before a busy gateway that timed out is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The credential that a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CredentialChoice {
    /// Of the default profile.
    Default,
    /// Of this profile.
    Profile(Name),
    /// A temporary key of this virtual key.
    Key(Name),
}

impl From<CredentialArgs> for CredentialChoice {
    fn from(args: CredentialArgs) -> Self {
        match (args.profile, args.key) {
            (_, Some(key)) => Self::Key(key),
            (Some(profile), None) => Self::Profile(profile),
            (None, None) => Self::Default,
        }
    }
}

/// A key for a client, and where it may be sent.
pub(crate) struct ClientCredential {
    pub(crate) secret: Secret,
    pub(crate) kind: ClientCredentialKind,
    /// The only base URL it may be sent to.
    pub(crate) base_url: String,
    /// Its expiry, if known.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Kind of a client's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientCredentialKind {
    /// A virtual key, accepted only by the gateway.
    VirtualKey,
    /// The raw credential.
    Credential,
}

/// The way the client learns where to send the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// From its own settings; only the secret is printed.
    OwnSettings,
    /// From us; the base URL is printed with the secret.
    UsesOurAddress,
}

/// Finds the key for a client.
///
/// # Errors
/// Exit 4 if there is no key to give, 8 if the client would send it to the wrong server, 7 if the store does not respond.
fn find(
    choice: &CredentialChoice,
    caller: Caller,
    (context, progress): (&Context, &ProgressSender),
) -> Result<ClientCredential, CommandError> {
    let environment = Destination::from_environment(&context.snapshot.environment);
    let in_settings = match caller {
        Caller::OwnSettings => destination_in_settings(
            &context.gather(&Arguments::default(), KeyreeveState::default()),
        ),
        Caller::UsesOurAddress => SettingsDestination::Unset,
    };
    match in_settings {
        SettingsDestination::Unset => find_for(&environment, choice, caller, (context, progress)),
        SettingsDestination::Redirected { reason } => Err(CommandError::new(
            Exit::Policy,
            "no key provided: the client's settings may redirect its requests",
        )
        .with_causes([reason])
        .fix("keyreeve doctor")),
        SettingsDestination::Set {
            destination,
            reason,
        } => find_for(&destination, choice, caller, (context, progress)).map_err(|error| {
            if error.exit() == Exit::Policy {
                error.with_causes([reason]).fix("keyreeve doctor")
            } else {
                error
            }
        }),
    }
}

fn find_for(
    destination: &Destination,
    choice: &CredentialChoice,
    caller: Caller,
    (context, progress): (&Context, &ProgressSender),
) -> Result<ClientCredential, CommandError> {
    let dirs = context.dirs()?;
    let deadline = Deadline::after(GATEWAY_TIMEOUT);
    let period = Period::at(context.snapshot.now, destination);
    let choice = &resolve_default(choice, context)?;
    let (gateway_status, ticket_status) =
        verify_with_retry(&dirs, &period.ticket_text(choice, 0), deadline);
    match gateway_status {
        GatewayStatus::Verified(gateway) if destination.points_to_gateway(gateway.addresses()) => {
            if ticket_status == TicketStatus::Accepted {
                return Ok(client_credential(
                    period.key(choice, 0, &gateway)?,
                    &gateway,
                ));
            }
            if *destination == Destination::Unset
                && let Some(credential) =
                    exposed_credential(choice, (caller, destination), (context, progress))?
            {
                return Ok(credential);
            }
            let key = create::create((choice, period), &gateway, (&dirs, deadline), context)?;
            Ok(client_credential(key, &gateway))
        }
        GatewayStatus::Verified(_) => {
            exposed_credential(choice, (caller, destination), (context, progress))?.ok_or_else(
                || wrong_destination("points to neither the gateway nor the profile's origin"),
            )
        }
        GatewayStatus::NotRunning => {
            without_gateway(choice, None, (caller, destination), (context, progress))
        }
        GatewayStatus::Unverified(error) => without_gateway(
            choice,
            Some(error),
            (caller, destination),
            (context, progress),
        ),
    }
}

/// Returns the default profile, or the only one.
fn default_profile(policy: &Policy) -> Result<Name, CommandError> {
    match find_or_default(policy, None) {
        Ok(profile) => Ok(profile.name.clone()),
        // No argument of this run can be corrected: a client starts it, and lacks a credential.
        Err(error @ AdminError::NoDefaultProfile) => {
            Err(CommandError::from_error(Exit::Credential, &error).fix("keyreeve profile use NAME"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Replaces the default by its profile's name, because the default may change between runs.
fn resolve_default(
    choice: &CredentialChoice,
    context: &Context,
) -> Result<CredentialChoice, CommandError> {
    match choice {
        CredentialChoice::Default => {
            let policy = context.open_store()?.policy()?;
            Ok(CredentialChoice::Profile(default_profile(&policy)?))
        }
        CredentialChoice::Profile(_) | CredentialChoice::Key(_) => Ok(choice.clone()),
    }
}

/// Verifies the running gateway and a ticket, retrying while the gateway only times out.
fn verify_with_retry(
    dirs: &Dirs,
    ticket_text: &str,
    deadline: Deadline,
) -> (GatewayStatus, TicketStatus) {
    loop {
        match running_gateway::verify_with_ticket(dirs, ticket_text) {
            (GatewayStatus::Unverified(UnverifiedGatewayError::Timeout(_)), _)
                if deadline.sleep(RETRY_INTERVAL) => {}
            result => return result,
        }
    }
}

fn client_credential(key: create::TemporaryKey, gateway: &RunningGateway) -> ClientCredential {
    ClientCredential {
        secret: key.new_key.key,
        kind: ClientCredentialKind::VirtualKey,
        base_url: gateway.base_url(),
        expires_at: Some(key.expires_at),
    }
}

/// Returns the raw credential if its profile allows that; without a gateway there is nothing else.
fn without_gateway(
    choice: &CredentialChoice,
    verify_error: Option<UnverifiedGatewayError>,
    place: (Caller, &Destination),
    context: (&Context, &ProgressSender),
) -> Result<ClientCredential, CommandError> {
    match (exposed_credential(choice, place, context)?, verify_error) {
        (Some(credential), _) => Ok(credential),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(CommandError::new(
            Exit::Credential,
            "no gateway is running, and the profile's raw key is never given to programs",
        )
        .hint("Start the gateway, or allow this profile's raw key with `keyreeve profile direct NAME`")
        .fix("keyreeve serve --install")),
    }
}

/// Returns the raw credential of a profile that allows it, or `None` if the profile does not.
fn exposed_credential(
    choice: &CredentialChoice,
    (caller, destination): (Caller, &Destination),
    (context, progress): (&Context, &ProgressSender),
) -> Result<Option<ClientCredential>, CommandError> {
    let CredentialChoice::Profile(name) = choice else {
        return Ok(None);
    };
    let store = context.open_store()?;
    let policy = store.policy()?;
    let profile = find_profile(&policy, name)?.clone();
    // Neither a gateway nor `profile direct` would help, so this error suggests neither.
    if profile.is_plan_login() {
        return Err(AdminError::PlanBehindKey(name.clone()).into());
    }
    match profile.secret_exposure {
        SecretExposure::RequestsOnly => return Ok(None),
        SecretExposure::Programs => {}
    }
    check_destination(&profile, caller, destination)?;
    // The receiver is gone if the time limit has passed.
    drop(progress.send(Progress::AskingSource));
    let broker = crate::context::owner_access(context)?.broker;
    let credential = BlockingRuntime::current_thread()?
        .block_on(async {
            let credential = broker.raw_key(&profile).await;
            broker.finish_pending().await;
            credential
        })
        .map_err(|error| raw_key_error(&error))?;
    let base_url = credential.base_url().to_string();
    let exposed = credential
        .expose_for(profile.base_url.origin())
        .map_err(|error| CommandError::from_error(Exit::Policy, &error))?;
    Ok(Some(ClientCredential {
        secret: Secret::new(exposed.to_owned()),
        kind: ClientCredentialKind::Credential,
        base_url,
        expires_at: profile.expires_at,
    }))
}

/// Checks that the client will send a raw credential to the credential's own origin.
fn check_destination(
    profile: &Profile,
    caller: Caller,
    destination: &Destination,
) -> Result<(), CommandError> {
    let own = &profile.base_url;
    let is_own_origin = destination.has_origin_of(own);
    let is_default = *destination == Destination::Unset
        && (caller == Caller::UsesOurAddress || own.origin().is_first_party());
    if is_own_origin || is_default {
        return Ok(());
    }
    let reason = match destination {
        Destination::Unset => format!("is not set, and this credential is only for {own}"),
        Destination::At(_) | Destination::Localhost(_) | Destination::Unknown => {
            format!("points to another server, and this credential is only for {own}")
        }
    };
    Err(wrong_destination(&reason).fix(format!("export {}={own}", variables::CLIENT_BASE_URL)))
}

fn wrong_destination(reason: &str) -> CommandError {
    CommandError::new(
        Exit::Policy,
        format!("no key provided: {} {reason}", variables::CLIENT_BASE_URL),
    )
    .fix("keyreeve status")
}

fn raw_key_error(error: &RawKeyError) -> CommandError {
    let exit = match error {
        RawKeyError::NotExposed { .. }
        | RawKeyError::PlanLogin { .. }
        | RawKeyError::PlanDetected { .. }
        | RawKeyError::NotAllowed { .. } => Exit::Policy,
        RawKeyError::Source { .. } => Exit::Credential,
    };
    CommandError::from_error(exit, error)
}

//! Short-lived secrets of virtual keys, derived from the gateway's instance secret and never stored.
//!
//! A period lasts 10 min, and its secret is valid until the end of the next one: for 10 to 20 min, while a client asks again
//! after 5 min (docs/facts.md#clients). All callers in one period get the same secret, so 200 at once cost one write.
//!
//! Invariants: a revoked or rotated secret is not given out again; a revoked key stays revoked.

use std::time::Duration;

use jiff::Timestamp;
use keyreeve_broker::admin::keys::{self, IfRevoked, find_usable_key};
use keyreeve_broker::admin::profiles::find_profile;
use keyreeve_core::profile::Name;
use keyreeve_core::virtual_key::{KeyId, NewKey};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{CreateDir, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_store::Store;

use super::CredentialChoice;
use super::destination::Destination;
use crate::context::Context;
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::running_gateway::{self, GatewayStatus, RunningGateway, TicketStatus};

/// Length of a period in seconds.
const PERIOD: i64 = 600;
/// Maximum number of secrets in one period; a new one is needed when the previous one was revoked early.
const MAX_KEYS_PER_PERIOD: u8 = 16;
/// Delay before the processes that wait for another one to create the secret check again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);
/// Lock file of the process that creates the secret.
const LOCK: &str = "helper.lock";

/// A virtual key's temporary secret.
pub(super) struct TemporaryKey {
    pub(super) new_key: NewKey,
    pub(super) expires_at: Timestamp,
}

/// A time period, for clients with or without a known destination.
#[derive(Clone, Copy)]
pub(super) struct Period {
    number: i64,
    /// Separates clients whose destination is known from those that may get a raw credential instead.
    audience: &'static str,
}

impl Period {
    pub(super) fn at(moment: Timestamp, destination: &Destination) -> Self {
        Self {
            number: moment.as_second().div_euclid(PERIOD),
            audience: match destination {
                Destination::Unset => "anywhere",
                Destination::At(_) | Destination::Localhost(_) | Destination::Unknown => "there",
            },
        }
    }

    fn expires_at(self) -> Result<Timestamp, CommandError> {
        Timestamp::from_second((self.number + 2) * PERIOD).map_err(|error| {
            CommandError::new(Exit::Failed, "the clock is out of range").caused_by(&error)
        })
    }

    /// Returns the text of the ticket of a secret in this period: its subject, the period, and the number of secrets revoked
    /// before it.
    pub(super) fn ticket_text(self, choice: &CredentialChoice, attempt: u8) -> String {
        let Self { number, audience } = self;
        match choice {
            CredentialChoice::Default => format!("default {audience} {number} {attempt}"),
            CredentialChoice::Profile(name) => {
                format!("profile {name} {audience} {number} {attempt}")
            }
            CredentialChoice::Key(name) => format!("key {name} {audience} {number} {attempt}"),
        }
    }

    /// Derives the secret, accepted by the gateway or not.
    pub(super) fn key(
        self,
        choice: &CredentialChoice,
        attempt: u8,
        gateway: &RunningGateway,
    ) -> Result<TemporaryKey, CommandError> {
        let secret = gateway.secret();
        let new_key = secret.key_for(&secret.ticket(&self.ticket_text(choice, attempt)));
        Ok(TemporaryKey {
            new_key: new_key
                .ok_or_else(|| CommandError::new(Exit::Failed, "cannot derive a key"))?,
            expires_at: self.expires_at()?,
        })
    }
}

/// Creates a missing secret, or waits for the process that is creating it.
pub(super) fn create(
    (choice, period): (&CredentialChoice, Period),
    gateway: &RunningGateway,
    (dirs, deadline): (&Dirs, Deadline),
    context: &Context,
) -> Result<TemporaryKey, CommandError> {
    let state = SafeDir::open(&dirs.state, CreateDir::Never)?;
    loop {
        match Lock::acquire(&state, LOCK, "keyreeve helper") {
            Ok(_lock) => return create_locked(choice, period, gateway, context),
            Err(LockError::Held { .. }) => {}
            Err(LockError::File(error)) => return Err(error.into()),
        }
        if !deadline.sleep(RETRY_INTERVAL) {
            return Err(CommandError::new(
                Exit::Store,
                "timed out waiting for another process to create the same key",
            )
            .fix("keyreeve helper"));
        }
        let (gateway_status, ticket_status) =
            running_gateway::verify_with_ticket(dirs, &period.ticket_text(choice, 0));
        match (gateway_status, ticket_status) {
            (GatewayStatus::Verified(gateway), TicketStatus::Accepted) => {
                return period.key(choice, 0, &gateway);
            }
            (
                GatewayStatus::Verified(_)
                | GatewayStatus::NotRunning
                | GatewayStatus::Unverified(_),
                _,
            ) => {}
        }
    }
}

/// Creates the secret while holding the lock, unless another process just created it.
fn create_locked(
    choice: &CredentialChoice,
    period: Period,
    gateway: &RunningGateway,
    context: &Context,
) -> Result<TemporaryKey, CommandError> {
    let store = context.open_store()?;
    let key_id = virtual_key_for(choice, &store)?;
    for attempt in 0..MAX_KEYS_PER_PERIOD {
        let key = period.key(choice, attempt, gateway)?;
        if keys::accept_temporary(&store, key_id, &key.new_key, key.expires_at)? {
            return Ok(key);
        }
    }
    Err(CommandError::new(
        Exit::Failed,
        "all temporary keys of this 10-minute period were revoked; try again in the next one",
    ))
}

/// Returns the virtual key to create a secret for. A profile has a dedicated one, created on first use.
fn virtual_key_for(choice: &CredentialChoice, store: &Store) -> Result<KeyId, CommandError> {
    let policy = store.policy()?;
    let name = match choice {
        CredentialChoice::Key(name) => return Ok(find_usable_key(&policy, name)?.id),
        CredentialChoice::Profile(name) => name.clone(),
        CredentialChoice::Default => super::default_profile(&policy)?,
    };
    let profile = find_profile(&policy, &name)?;
    let key_name = helper_key_name(&name)?;
    Ok(keys::dedicated(
        store,
        profile,
        &key_name,
        IfRevoked::Refuse,
    )?)
}

/// Returns the name of the dedicated key of a profile's helpers, as it appears in reports and for `key revoke`.
fn helper_key_name(profile: &Name) -> Result<Name, CommandError> {
    format!("helper-{profile}").parse().map_err(|error| {
        CommandError::from_error(Exit::Failed, &error).fix("keyreeve helper --key NAME")
    })
}

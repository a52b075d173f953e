//! The gateway of a run: the running one if it proves its identity, else our own, which ends with the program.
//!
//! Invariants: a gateway that does not prove its identity is sent nothing; ours listens on loopback at a free port that only
//! the program is given. It does not claim the store, so a `serve` can start and stop meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::admin;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_gateway::{BoundListeners, GatewayParts, InstanceSecret, Listen, ServeError};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::system::now;
use keyreeve_store::Store;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::context::{self, Context};
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::running_gateway::{self, GatewayStatus, UnverifiedGatewayError};
use crate::settings::Settings;

/// Time limit for a slow gateway to prove its identity.
const VERIFY_TIMEOUT: Duration = Duration::from_millis(900);
/// Delay before a gateway that timed out is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Time limit for responses still streaming when the program has ended: enough to record them.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A running gateway, or our own, bound and ready to open.
pub(super) enum RunGateway {
    /// A running `serve`.
    Running { dirs: Dirs, address: String },
    /// Our own.
    Own(Box<OwnGateway>),
}

/// Our own gateway, bound but not serving yet.
pub(super) struct OwnGateway {
    bound: BoundListeners,
    parts: GatewayParts,
}

/// A gateway that takes requests.
pub(super) enum OpenGateway {
    /// A running `serve`.
    Running { dirs: Dirs, address: String },
    /// Our own; it stops when `stop` is dropped.
    Own {
        stop: oneshot::Sender<()>,
        served: JoinHandle<Result<(), ServeError>>,
    },
}

impl RunGateway {
    /// Verifies the running gateway, or binds our own if none is running.
    ///
    /// # Errors
    /// Exit 4 if something listens there but does not prove its identity.
    pub(super) async fn find_or_bind(
        (dirs, settings): (Dirs, Settings),
        store: &Arc<Store>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        match verify_with_retry(&dirs) {
            GatewayStatus::Verified(gateway) => {
                let address = gateway.base_url();
                Ok(Self::Running { dirs, address })
            }
            GatewayStatus::Unverified(error) => Err(error.into()),
            GatewayStatus::NotRunning => {
                // No `serve` is running that could close the intents left open by a crash.
                store.close_open_intents(now())?;
                store.start_journal(admin::random_bytes()?)?;
                let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let bound = keyreeve_gateway::bind(Listen::Address(free_port)).await?;
                let instance = InstanceSecret::new(admin::random_bytes()?);
                let environment = Arc::clone(&context.snapshot.environment);
                let mut parts =
                    context::gateway_parts(Arc::clone(store), &settings, environment, instance)?;
                parts.config.drain_timeout = DRAIN_TIMEOUT;
                Ok(Self::Own(Box::new(OwnGateway { bound, parts })))
            }
        }
    }

    /// Returns the gateway's base URL.
    ///
    /// # Errors
    /// Exit 1 if the address is not a valid base URL, which does not happen for a bound loopback address.
    pub(super) fn base_url(&self) -> Result<BaseUrl, CommandError> {
        let address = match self {
            Self::Running { address, .. } => address.clone(),
            Self::Own(own) => own
                .bound
                .addresses()
                .first()
                .map(|address| format!("http://{address}"))
                .unwrap_or_default(),
        };
        BaseUrl::parse(&address, PlainHttp::LoopbackOnly)
            .map_err(|error| CommandError::from_error(Exit::Failed, &error))
    }

    /// Starts serving requests.
    pub(super) fn open(self) -> OpenGateway {
        match self {
            Self::Running { dirs, address } => OpenGateway::Running { dirs, address },
            Self::Own(own) => {
                let (stop, stopped) = oneshot::channel::<()>();
                let OwnGateway { bound, parts } = *own;
                // Dropping the sender stops the server.
                let stopped = async { drop(stopped.await) };
                // `close` waits for it.
                let tasks = TaskTracker::new();
                let served = tasks.spawn(keyreeve_gateway::serve(bound, parts, stopped));
                OpenGateway::Own { stop, served }
            }
        }
    }
}

impl OpenGateway {
    /// Returns `true` if the gateway is still the one the program was given.
    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Own { served, .. } => !served.is_finished(),
            Self::Running { dirs, address } => match verify_with_retry(dirs) {
                GatewayStatus::Verified(gateway) => gateway.base_url() == *address,
                GatewayStatus::NotRunning | GatewayStatus::Unverified(_) => false,
            },
        }
    }

    /// Stops our own gateway and waits until its ledger entries are written; leaves a running `serve` alone.
    ///
    /// # Errors
    /// Exit 7 if they cannot be written.
    pub(super) async fn close(self) -> Result<(), CommandError> {
        match self {
            Self::Running { .. } => Ok(()),
            Self::Own { stop, served } => {
                drop(stop);
                let served = served.await.map_err(|error| {
                    CommandError::new(Exit::Failed, "the gateway failed").caused_by(&error)
                })?;
                Ok(served?)
            }
        }
    }
}

/// Verifies the running gateway, retrying while it only times out.
fn verify_with_retry(dirs: &Dirs) -> GatewayStatus {
    let deadline = Deadline::after(VERIFY_TIMEOUT);
    loop {
        match running_gateway::verify(dirs) {
            GatewayStatus::Unverified(UnverifiedGatewayError::Timeout(_))
                if deadline.sleep(RETRY_INTERVAL) => {}
            status => return status,
        }
    }
}

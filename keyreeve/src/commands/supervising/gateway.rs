//! The gateway of a run: the one that runs and has proved itself, else one of our own that ends with the program.
//!
//! Invariants: what does not prove itself is sent nothing; ours is on loopback, at a port of its own, and announced to
//! nobody but the program. It does not claim the store, so that a `serve` can be started and ended beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_gateway::{Bound, InstanceSecret, Listen, Parts};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::world::now;
use keyreeve_store::Store;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::error::{CommandError, Exit};
use crate::places::Places;
use crate::running::{self, Running, Unproved};
use crate::settings::Settings;
use crate::wiring::{self, World};

/// How long a gateway may take to prove itself, where it is only late.
const PATIENCE: Duration = Duration::from_millis(900);
/// It is asked again after this time.
const AGAIN: Duration = Duration::from_millis(50);
/// How long answers may go on that nobody waits for any more: long enough for their records.
const DRAIN: Duration = Duration::from_secs(1);

/// A gateway that was found, or is ready to be opened.
pub(super) enum Found {
    /// It runs.
    Running { places: Places, address: String },
    /// It is ours.
    Own(Box<Own>),
}

/// A gateway of our own.
pub(super) struct Own {
    bound: Bound,
    parts: Parts,
}

/// A gateway that takes requests.
pub(super) enum Gateway {
    /// It runs by itself.
    Running { places: Places, address: String },
    /// It is ours, and ends when it is told to.
    Own {
        stop: oneshot::Sender<()>,
        served: JoinHandle<Result<(), keyreeve_store::Error>>,
    },
}

impl Found {
    /// Has the running gateway prove itself; where none runs, makes one ready.
    ///
    /// # Errors
    /// Exit 4 where something is there and does not prove itself.
    pub(super) async fn look(
        (places, settings): (Places, Settings),
        store: &Arc<Store>,
        world: &World,
    ) -> Result<Self, CommandError> {
        match prove(&places) {
            Running::Proved(gateway) => {
                let address = gateway.base_url();
                Ok(Self::Running { places, address })
            }
            Running::Unproved(why) => Err(why.into()),
            Running::Not => {
                // What a crash left open is closed where nobody else could still do so.
                store.close_open_intents(now())?;
                let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let bound = keyreeve_gateway::bind(Listen::At(anywhere)).await?;
                let instance = InstanceSecret::new(wiring::random()?);
                let environment = Arc::clone(&world.snapshot.environment);
                let mut parts =
                    wiring::gateway(Arc::clone(store), &settings, environment, instance)?;
                parts.config.drain_time = DRAIN;
                Ok(Self::Own(Box::new(Own { bound, parts })))
            }
        }
    }

    /// Where the program will find it.
    ///
    /// # Errors
    /// None that is known of.
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
            .map_err(|refused| CommandError::of(Exit::Failed, &refused))
    }

    /// Has it take requests.
    pub(super) fn open(self) -> Gateway {
        match self {
            Self::Running { places, address } => Gateway::Running { places, address },
            Self::Own(own) => {
                let (stop, stopped) = oneshot::channel::<()>();
                let Own { bound, parts } = *own;
                // That the sender is gone is a sign as well.
                let stopped = async { drop(stopped.await) };
                // It is waited for when it is closed.
                let tasks = TaskTracker::new();
                let served = tasks.spawn(keyreeve_gateway::serve(bound, parts, stopped));
                Gateway::Own { stop, served }
            }
        }
    }
}

impl Gateway {
    /// Whether it is still the one that the program was led to.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Own { served, .. } => !served.is_finished(),
            Self::Running { places, address } => match prove(places) {
                Running::Proved(gateway) => gateway.base_url() == *address,
                Running::Not | Running::Unproved(_) => false,
            },
        }
    }

    /// Ends it, where it is ours: the last thing that happens is that its records are written.
    ///
    /// # Errors
    /// Exit 7 where they could not be.
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

/// Has the gateway prove itself, more than once where it is only late.
fn prove(places: &Places) -> Running {
    let deadline = Deadline::after(PATIENCE);
    loop {
        match running::prove(places) {
            Running::Unproved(Unproved::Silent(_)) if deadline.sleep(AGAIN) => {}
            found => return found,
        }
    }
}

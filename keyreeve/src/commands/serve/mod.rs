//! `serve`: the gateway, and on request the simulated API beside it.
//!
//! Invariants: one `serve` a store, claimed before anything is bound; nothing is announced before it is bound; the sandbox
//! outlives the gateway, whose last streams may come from it.

mod announce;
mod demo;
pub(super) mod runtime_file;
pub(super) mod signal;
pub(super) mod unit;

use std::sync::Arc;

use keyreeve_gateway::{Bound, InstanceSecret, PassThrough};
use keyreeve_os::{process, world};
use keyreeve_store::Store;
use tokio::sync::oneshot;

use self::announce::Ready;
use self::demo::Demo;
use self::runtime_file::RuntimeFile;
use crate::error::{CommandError, Exit};
use crate::output::counted;
use crate::places::Places;
use crate::settings::{Passing, Serve, Settings};
use crate::wiring::{self, World, runtime};

/// A `serve` that has its store to itself.
struct Daemon {
    places: Places,
    settings: Settings,
    store: Arc<Store>,
    world: World,
}

pub(super) fn run(serve: Serve, world: World) -> Result<(), CommandError> {
    let places = world.places()?;
    let settings = world.settings(&places)?;
    let store = Arc::new(wiring::store(&places, &settings)?);
    let _claim = store.claim(&runtime_file::claim_note(process::pid()))?;
    wiring::log(settings.log.value, &world.output);
    let unknown = store.close_open_intents(world::now())?;
    if unknown > 0 {
        let cut = counted(usize::try_from(unknown).unwrap_or(usize::MAX), "attempt");
        world.output.note(&format!(
            "{cut} cut off by a crash: closed at the reserved cost"
        ));
    }
    let daemon = Daemon {
        places,
        settings,
        store: Arc::clone(&store),
        world,
    };
    let served = runtime()?.block_on(daemon.run(serve));
    store.flush()?;
    served
}

impl Daemon {
    async fn run(self, serve: Serve) -> Result<(), CommandError> {
        let (first, second) = (signal::nth(1)?, signal::nth(2)?);
        let demo = match serve.sandbox_port {
            Some(port) => Some(Demo::prepare(port, &self.store).await?),
            None => None,
        };
        let bound = keyreeve_gateway::bind(self.settings.listen.value).await?;
        let secret = wiring::random()?;
        let pass_through = self.way_through(&bound, demo.as_ref())?;
        let ready = Ready::of(bound.addresses(), demo.as_ref(), pass_through.as_ref());
        let environment = self.world.snapshot.environment;
        let instance = InstanceSecret::new(secret);
        let policy = self.store.policy()?;
        let mut parts = wiring::gateway(self.store, &self.settings, environment, instance)?;
        parts.config.pass_through = pass_through;
        let runtime_file = RuntimeFile::write(&self.places, &ready, &secret)?;
        ready.announce(demo.as_ref(), &policy, &self.world.output)?;
        let served = tokio::select! {
            served = together(keyreeve_gateway::serve(bound, parts, first), demo) => served,
            () = second => Err(CommandError::new(Exit::Interrupted, "stopped at once: running streams were cut")),
        };
        runtime_file.remove()?;
        served
    }
}

impl Daemon {
    /// Where what passes through goes: to the vendor, or to the sandbox where that is served.
    fn way_through(
        &self,
        bound: &Bound,
        demo: Option<&Demo>,
    ) -> Result<Option<PassThrough>, CommandError> {
        let way = match (self.settings.pass_through.value, demo) {
            (Passing::Off, _) => return Ok(None),
            (Passing::On, None) => PassThrough::to_the_vendor(bound),
            (Passing::On, Some(demo)) => PassThrough::to_a_sandbox(demo.base_url.clone(), bound),
        };
        way.map(Some)
            .map_err(|refused| CommandError::of(Exit::Policy, &refused))
    }
}

/// Serves until the gateway's last stream has ended, and only then lets the sandbox go.
async fn together(
    gateway: impl Future<Output = Result<(), keyreeve_store::Error>>,
    demo: Option<Demo>,
) -> Result<(), CommandError> {
    let (finished, gateway_finished) = oneshot::channel::<()>();
    let gateway = async {
        let served = gateway.await;
        drop(finished);
        served
    };
    let sandbox = async {
        match demo {
            // The sender is only ever dropped: that is the sign.
            Some(demo) => {
                demo.sandbox
                    .run(async { drop(gateway_finished.await) })
                    .await
            }
            None => Ok(()),
        }
    };
    let (gateway, sandbox) = tokio::join!(gateway, sandbox);
    gateway?;
    sandbox.map_err(|error| CommandError::new(Exit::Failed, "the sandbox failed").caused_by(&error))
}

//! The only constructor: what commands work with is made here, from the captured environment and the settings.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use keyreeve_broker::Broker;
use keyreeve_broker::gather::{Machine, evidence, gather};
use keyreeve_broker::upstream::{Patience, Upstream};
use keyreeve_core::cache_ttl::PerModel;
use keyreeve_core::claude_code::Arguments;
use keyreeve_core::clock::Clock;
use keyreeve_core::finding::Evidence;
use keyreeve_core::price::PriceTable;
use keyreeve_core::snapshot::{Environment, Own, Snapshot};
use keyreeve_core::virtual_key::{self, Kind, Minted};
use keyreeve_gateway::{InstanceSecret, Parts};
use keyreeve_os::files::{self, FileError, Make, SafeDir};
use keyreeve_os::look::Files;
use keyreeve_os::process::Before;
use keyreeve_os::{world, zone};
use keyreeve_store::{Known, Policy, Store};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use uuid::Uuid;

use crate::ask::Asker;
use crate::config;
use crate::error::{CommandError, Exit};
use crate::output::Output;
use crate::places::Places;
use crate::settings::{Flags, LogLevel, Settings};
use crate::waiting::Waiting;

/// No configuration file has more bytes than this.
const CONFIG_LIMIT: usize = 1024 * 1024;
/// No price table and no bundle of roots has more bytes than this.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// What every command gets: the person, and what the machine looked like when we were started.
pub(crate) struct World {
    /// The environment and the moment, captured once.
    pub(crate) snapshot: Snapshot,
    /// The way to the person.
    pub(crate) output: Arc<Output>,
    /// The way to ask the person.
    pub(crate) asker: Asker,
    /// What flags said of settings.
    pub(crate) flags: Flags,
    /// What was the person's own before we hardened ourselves.
    pub(crate) before: Before,
}

/// What asks on the owner's own behalf.
pub(crate) struct Owner {
    /// Who leases.
    pub(crate) broker: Arc<Broker>,
    /// What sends.
    pub(crate) upstream: Upstream,
    /// The model to ask where none is named, if one is configured.
    pub(crate) default_model: Option<String>,
}

/// What was looked at to tell who pays.
pub(crate) struct Looked {
    /// What decides.
    pub(crate) snapshot: Snapshot,
    /// What keyreeve keeps; none where there is no store.
    pub(crate) known: Option<Known>,
    /// The store, where there is one.
    pub(crate) store: Option<Store>,
}

impl World {
    /// The person's clock, as it stood when the environment was captured.
    pub(crate) fn clock(&self) -> Clock {
        let zone = zone::of_person(&self.snapshot.environment);
        let now = self.snapshot.now;
        Clock { now, zone }
    }

    /// The same after something that took a while.
    pub(crate) fn clock_now(&self) -> Clock {
        Clock {
            now: world::now(),
            ..self.clock()
        }
    }

    /// Finds keyreeve's directories.
    ///
    /// # Errors
    /// Exit 3 with every problem.
    pub(crate) fn places(&self) -> Result<Places, CommandError> {
        Ok(Places::find(&self.snapshot.environment)?)
    }

    /// Reads the configuration file and puts it together with flags and variables.
    ///
    /// # Errors
    /// Exit 2 or 3 with every problem.
    pub(crate) fn settings(&self, places: &Places) -> Result<Settings, CommandError> {
        let text = config_text(places)?;
        let (file, mut problems) = text.as_deref().map(config::read).unwrap_or_default();
        match Settings::resolve(&self.flags, &self.snapshot.environment, &file) {
            Ok(settings) if problems.is_empty() => Ok(settings),
            Ok(_) => Err(problems.into()),
            Err(more) => {
                problems.extend(more);
                Err(problems.into())
            }
        }
    }

    /// Looks at everything that decides who pays for a client that is started here with these arguments.
    pub(crate) fn gather(&self, arguments: &Arguments, own: Own) -> Snapshot {
        self.gather_over(Arc::clone(&self.snapshot.environment), arguments, own)
    }

    /// As [`World::gather`], for a client that is started with another environment than ours.
    pub(crate) fn gather_over(
        &self,
        environment: Arc<Environment>,
        arguments: &Arguments,
        own: Own,
    ) -> Snapshot {
        let machine = Machine {
            environment,
            directory: world::directory(),
            files: &Files::OfMachine,
            now: self.snapshot.now,
        };
        gather(machine, arguments, own)
    }

    /// Looks at what `doctor` judges beyond a snapshot.
    pub(crate) fn evidence(&self, snapshot: &Snapshot) -> Evidence {
        let places = self.places().ok();
        let own: Vec<&Path> = places
            .iter()
            .flat_map(|places| [places.config.as_path(), places.data.as_path()])
            .collect();
        evidence(snapshot, &Files::OfMachine, &own)
    }

    /// Looks at everything that decides who pays for a client that is started here, and at what keyreeve keeps. No store is
    /// made where there is none.
    ///
    /// # Errors
    /// Exit 3 for bad settings, 7 for a store that does not open.
    pub(crate) fn look(&self, arguments: &Arguments) -> Result<Looked, CommandError> {
        let places = self.places()?;
        let settings = self.settings(&places)?;
        let store = if Store::is_made(&store_places(&places)) {
            Some(store(&places, &settings)?)
        } else {
            None
        };
        let known = store.as_ref().map(Store::known).transpose()?;
        let policy = known.as_ref().map(|known| &*known.policy);
        Ok(Looked {
            snapshot: self.gather(arguments, policy.map_or_else(Own::default, own)),
            known,
            store,
        })
    }

    /// Opens the store, making it where there is none yet.
    ///
    /// # Errors
    /// Exit 3 for bad settings, 7 for a store that does not open.
    pub(crate) fn store(&self) -> Result<Store, CommandError> {
        let places = self.places()?;
        let settings = self.settings(&places)?;
        store(&places, &settings)
    }
}

/// What resolution needs of a policy.
pub(crate) fn own(policy: &Policy) -> Own {
    Own {
        profiles: policy.profiles().to_vec(),
        default: policy.default_profile(),
        bindings: policy.bindings().to_vec(),
    }
}

/// Opens the store, making it where there is none yet.
///
/// # Errors
/// Exit 7.
pub(crate) fn store(places: &Places, settings: &Settings) -> Result<Store, CommandError> {
    Ok(Store::open(
        &store_places(places),
        settings.durability.value,
    )?)
}

/// Where the store's two halves lie.
pub(crate) fn store_places(places: &Places) -> keyreeve_store::Places {
    keyreeve_store::Places {
        data: places.data.clone(),
        keys: places.config.clone(),
    }
}

/// The price table that settings name, else the built-in one.
///
/// # Errors
/// Exit 3 where the file does not hold a table.
pub(crate) fn prices(settings: &Settings) -> Result<PriceTable, CommandError> {
    let Some(path) = &settings.prices_file.value else {
        return Ok(PriceTable::embedded());
    };
    let wrong = || {
        CommandError::new(
            Exit::Configuration,
            format!("{} is no price table", path.display()),
        )
    };
    let bytes = named_file(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong().caused_by(&error))?;
    PriceTable::parse(text).map_err(|error| wrong().caused_by(&error))
}

/// The further roots that settings name, as PEM.
///
/// # Errors
/// Exit 3 where the file cannot be read.
pub(crate) fn further_roots(settings: &Settings) -> Result<Option<Vec<u8>>, CommandError> {
    settings
        .ca_file
        .value
        .as_deref()
        .map(named_file)
        .transpose()
}

/// What the gateway is made of, which lives as long as `serve`.
///
/// # Errors
/// Exit 3 where a file that settings name cannot be used.
pub(crate) fn gateway(
    store: Arc<Store>,
    settings: &Settings,
    environment: Arc<Environment>,
    instance: InstanceSecret,
) -> Result<Parts, CommandError> {
    let upstream = upstream(settings)?;
    Ok(Parts {
        broker: Arc::new(Broker::new(
            store,
            prices(settings)?,
            environment,
            upstream.clone(),
        )),
        upstream,
        instance,
        config: keyreeve_gateway::Config {
            allowed_hosts: settings.allowed_hosts.value.clone(),
            body_budget: settings.body_budget.value,
            throttle_wait: settings.throttle_wait.value,
            cache_ttl: PerModel::new(settings.cache_ttl.clone()),
            ..keyreeve_gateway::Config::default()
        },
    })
}

/// Makes what asks on the owner's own behalf: a broker over the store, and the way to upstreams.
///
/// # Errors
/// Exit 3 for bad settings, 7 for a store that does not open.
pub(crate) fn owner(world: &World) -> Result<Owner, CommandError> {
    let places = world.places()?;
    let settings = world.settings(&places)?;
    let store = Arc::new(store(&places, &settings)?);
    let environment = Arc::clone(&world.snapshot.environment);
    let upstream = upstream(&settings)?;
    let broker = Broker::new(store, prices(&settings)?, environment, upstream.clone());
    Ok(Owner {
        broker: Arc::new(broker),
        upstream,
        default_model: settings.default_model.value,
    })
}

fn upstream(settings: &Settings) -> Result<Upstream, CommandError> {
    let roots = further_roots(settings)?;
    Upstream::new(roots.as_deref(), Patience::default()).map_err(|error| {
        CommandError::new(Exit::Configuration, "could not set up TLS").caused_by(&error)
    })
}

/// The runtime of everything that waits.
///
/// # Errors
/// Where the system gives no threads.
pub(crate) fn runtime() -> Result<Waiting, CommandError> {
    Waiting::with_threads()
}

/// Waits for something, without threads of its own.
///
/// # Errors
/// Where the system gives no runtime.
pub(crate) fn waiting<T>(what: impl Future<Output = T>) -> Result<T, CommandError> {
    Ok(Waiting::here()?.block_on(what))
}

/// Sends the log to standard error: our own crates at the level asked for, all others only where they warn. What the
/// environment says about logging is not read: it could turn on what nobody looked at for secrets.
pub(crate) fn log(level: LogLevel, output: &Output) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = ["keyreeve", "keyreeve_gateway", "keyreeve_broker"].map(|target| (target, level));
    let targets = Targets::new()
        .with_targets(ours)
        .with_default(level.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(output.colors_talk());
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
}

/// Makes an id that nothing else has: a UUID v7 of now.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn fresh_id() -> Result<Uuid, CommandError> {
    let millis = u64::try_from(world::now().as_millisecond()).unwrap_or_default();
    let random = random::<10>()?;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// Makes the secret of a virtual key.
///
/// # Errors
/// Where the system has no randomness.
pub(crate) fn mint() -> Result<Minted, CommandError> {
    Ok(virtual_key::mint(Kind::User, random()?))
}

/// Random bytes.
///
/// # Errors
/// Where the system has none to give.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    world::random().map_err(|error| {
        CommandError::new(Exit::Failed, "the system gives no randomness").caused_by(&error)
    })
}

/// The text of the configuration file, none where there is no file.
fn config_text(places: &Places) -> Result<Option<String>, CommandError> {
    let directory = match SafeDir::open(&places.config, Make::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let path = places.config_file();
    match directory.read("config.toml", CONFIG_LIMIT) {
        Ok(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(CommandError::new(
                Exit::Configuration,
                format!("{} is not UTF-8 text", path.display()),
            )),
        },
        Err(FileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads a file that settings name by an absolute path: others may own it, as they own a system's roots.
fn named_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let wrong = || {
        CommandError::new(
            Exit::Configuration,
            format!("could not read {}", path.display()),
        )
    };
    let file = files::open_anywhere(path).map_err(|error| wrong().caused_by(&error))?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong().caused_by(&error))?;
    Ok(bytes)
}

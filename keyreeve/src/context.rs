//! The context of a command, and the construction of everything it uses, from the captured environment and the settings.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::{Timeouts, Upstream};
use keyreeve_core::cache_ttl::TtlByModel;
use keyreeve_core::clock::Clock;
use keyreeve_core::price::PriceTable;
use keyreeve_gateway::{GatewayParts, InstanceSecret};
use keyreeve_os::environment::Environment;
use keyreeve_os::file_system::FileSystem;
use keyreeve_os::files::{self, CreateDir, FileError, SafeDir};
use keyreeve_os::process::OriginalLimits;
use keyreeve_os::{system, zone};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::finding::Evidence;
use keyreeve_resolver::machine::{Machine, evidence, gather};
use keyreeve_resolver::snapshot::{KeyreeveState, OwnKey, Snapshot, UnverifiedRow};
use keyreeve_store::{LeaseSnapshot, Policy, Store};

use crate::config;
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::output::Output;
use crate::prompt::Prompter;
use crate::settings::{Flags, Settings};
use crate::variables;

/// Maximum size of the configuration file.
const MAX_CONFIG_BYTES: usize = 1024 * 1024;
/// Maximum size of a price table or a file of root certificates.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The input and output of a command: the terminal, and the machine as it was at the start.
pub(crate) struct Context {
    /// Environment and time, captured once.
    pub(crate) snapshot: Snapshot,
    /// Standard output and standard error.
    pub(crate) output: Arc<Output>,
    /// Prompts.
    pub(crate) prompter: Prompter,
    /// Flags that override settings.
    pub(crate) flags: Flags,
    /// Resource limits before the process was hardened, to restore for child programs.
    pub(crate) original_limits: OriginalLimits,
}

/// Access to upstreams on the owner's own behalf.
pub(crate) struct OwnerAccess {
    /// Leases credentials.
    pub(crate) broker: Arc<Broker>,
    /// Sends requests.
    pub(crate) upstream: Upstream,
    /// Configured model to use if none is named.
    pub(crate) default_model: Option<String>,
}

/// Everything that decides who pays on this machine.
pub(crate) struct MachineState {
    /// Files, variables and settings.
    pub(crate) snapshot: Snapshot,
    /// Policy and health, or `None` without a store.
    pub(crate) lease_snapshot: Option<LeaseSnapshot>,
    /// The store, if there is one.
    pub(crate) store: Option<Store>,
}

impl Context {
    /// Returns the user's home directory, to abbreviate it in messages.
    pub(crate) fn home(&self) -> Option<&str> {
        self.snapshot.environment.get(variables::USER_HOME)
    }

    /// Returns the user's clock at the time of the snapshot.
    pub(crate) fn clock(&self) -> Clock {
        let zone = zone::user_zone(&self.snapshot.environment);
        let now = self.snapshot.now;
        Clock { now, zone }
    }

    /// Returns the user's clock now, for use after a slow operation.
    pub(crate) fn clock_now(&self) -> Clock {
        Clock {
            now: system::now(),
            ..self.clock()
        }
    }

    /// Returns keyreeve's directories.
    ///
    /// # Errors
    /// Exit 3 with every problem.
    pub(crate) fn dirs(&self) -> Result<Dirs, CommandError> {
        Ok(Dirs::find(&self.snapshot.environment)?)
    }

    /// Reads the configuration file and merges it with flags and variables.
    ///
    /// # Errors
    /// Exit 2 or 3 with every problem.
    pub(crate) fn settings(&self, dirs: &Dirs) -> Result<Settings, CommandError> {
        let text = read_config_file(dirs)?;
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

    /// Reads everything that decides who pays for a client started here with these arguments.
    pub(crate) fn gather(&self, arguments: &Arguments, state: KeyreeveState) -> Snapshot {
        self.gather_with_environment(Arc::clone(&self.snapshot.environment), arguments, state)
    }

    /// Like [`Context::gather`], for a client with another environment than ours.
    pub(crate) fn gather_with_environment(
        &self,
        environment: Arc<Environment>,
        arguments: &Arguments,
        state: KeyreeveState,
    ) -> Snapshot {
        let machine = Machine {
            environment,
            directory: system::working_directory(),
            files: &FileSystem::Real,
            now: self.snapshot.now,
        };
        gather(machine, arguments, state)
    }

    /// Reads what `doctor` checks in addition to a snapshot.
    pub(crate) fn evidence(&self, snapshot: &Snapshot) -> Evidence {
        let dirs = self.dirs().ok();
        let private_dirs: Vec<&Path> = dirs
            .iter()
            .flat_map(|dirs| [dirs.config.as_path(), dirs.data.as_path()])
            .collect();
        evidence(snapshot, &FileSystem::Real, &private_dirs)
    }

    /// Reads everything that decides who pays for a client started here, including the store. Does not create a store.
    ///
    /// # Errors
    /// Exit 3 for invalid settings, 7 for a store that cannot be opened.
    pub(crate) fn machine_state(
        &self,
        arguments: &Arguments,
    ) -> Result<MachineState, CommandError> {
        let dirs = self.dirs()?;
        let settings = self.settings(&dirs)?;
        let store = if Store::exists(&store_paths(&dirs)) {
            Some(open_store(&dirs, &settings)?)
        } else {
            None
        };
        let lease_snapshot = store.as_ref().map(Store::lease_snapshot).transpose()?;
        let policy = lease_snapshot.as_ref().map(|snapshot| &*snapshot.policy);
        Ok(MachineState {
            snapshot: self.gather(
                arguments,
                policy.map_or_else(KeyreeveState::default, keyreeve_state),
            ),
            lease_snapshot,
            store,
        })
    }

    /// Opens the store, or creates it.
    ///
    /// # Errors
    /// Exit 3 for invalid settings, 7 for a store that cannot be opened.
    pub(crate) fn open_store(&self) -> Result<Store, CommandError> {
        let dirs = self.dirs()?;
        let settings = self.settings(&dirs)?;
        open_store(&dirs, &settings)
    }

    /// Opens the store to take authority away, even without its master key.
    ///
    /// # Errors
    /// Exit 3 for invalid settings, 7 for a store that cannot be opened.
    pub(crate) fn open_store_to_take_away(&self) -> Result<Store, CommandError> {
        let dirs = self.dirs()?;
        let durability = self.settings(&dirs)?.durability.value;
        Ok(Store::open_to_take_away(&store_paths(&dirs), durability)?)
    }
}

/// Returns the part of a policy that resolution uses.
pub(crate) fn keyreeve_state(policy: &Policy) -> KeyreeveState {
    KeyreeveState {
        profiles: policy.to_profiles(),
        default: policy.default_profile(),
        bindings: policy.bindings().to_vec(),
        keys: policy
            .key_secrets()
            .filter(|(_, found)| found.key.revoked_at.is_none())
            .map(|(_, found)| OwnKey {
                hash: found.hash,
                profiles: found.key.profiles.clone(),
            })
            .collect(),
        unverified: unverified_rows(policy),
    }
}

/// Returns the profiles and keys that do not verify.
pub(crate) fn unverified_rows(policy: &Policy) -> Vec<UnverifiedRow> {
    let profiles = policy.profiles().iter();
    let profiles = profiles.filter(|profile| !policy.is_profile_verified(profile.id));
    let keys = policy.keys().iter();
    let keys = keys.filter(|key| !policy.is_key_verified(key));
    let profiles = profiles.map(|profile| UnverifiedRow::Profile(profile.name.clone()));
    profiles
        .chain(keys.map(|key| UnverifiedRow::Key(key.name.clone())))
        .collect()
}

/// Opens the store, or creates it.
///
/// # Errors
/// Exit 7.
pub(crate) fn open_store(dirs: &Dirs, settings: &Settings) -> Result<Store, CommandError> {
    Ok(Store::open(&store_paths(dirs), settings.durability.value)?)
}

/// Returns the directories of the store.
pub(crate) fn store_paths(dirs: &Dirs) -> keyreeve_store::StorePaths {
    keyreeve_store::StorePaths {
        data: dirs.data.clone(),
        keys: dirs.config.clone(),
    }
}

/// Returns the configured price table, or else the built-in one.
///
/// # Errors
/// Exit 3 if the file is not a price table.
pub(crate) fn price_table(settings: &Settings) -> Result<PriceTable, CommandError> {
    let Some(path) = &settings.prices_file.value else {
        return Ok(PriceTable::embedded());
    };
    let invalid = || {
        CommandError::new(
            Exit::Configuration,
            format!("{} is not a price table", path.display()),
        )
    };
    let bytes = read_named_file(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| invalid().caused_by(&error))?;
    PriceTable::parse(text).map_err(|error| invalid().caused_by(&error))
}

/// Returns the configured additional root certificates, as PEM.
///
/// # Errors
/// Exit 3 if the file cannot be read.
pub(crate) fn extra_root_certificates(
    settings: &Settings,
) -> Result<Option<Vec<u8>>, CommandError> {
    settings
        .ca_file
        .value
        .as_deref()
        .map(read_named_file)
        .transpose()
}

/// Creates the parts of the gateway, which live as long as `serve`.
///
/// # Errors
/// Exit 3 if a configured file cannot be used.
pub(crate) fn gateway_parts(
    store: Arc<Store>,
    settings: &Settings,
    environment: Arc<Environment>,
    instance: InstanceSecret,
) -> Result<GatewayParts, CommandError> {
    let upstream = upstream(settings)?;
    Ok(GatewayParts {
        broker: Arc::new(Broker::new(
            store,
            price_table(settings)?,
            environment,
            upstream.clone(),
        )),
        upstream,
        instance,
        config: keyreeve_gateway::Config {
            allowed_hosts: settings.allowed_hosts.value.clone(),
            body_budget: settings.body_budget.value,
            throttle_wait: settings.throttle_wait.value,
            cache_ttl: TtlByModel::new(settings.cache_ttl.clone()),
            ..keyreeve_gateway::Config::default()
        },
    })
}

/// Creates the owner's access to upstreams: a broker over the store, and an HTTP client.
///
/// # Errors
/// Exit 3 for invalid settings, 7 for a store that cannot be opened.
pub(crate) fn owner_access(context: &Context) -> Result<OwnerAccess, CommandError> {
    let dirs = context.dirs()?;
    let settings = context.settings(&dirs)?;
    let store = Arc::new(open_store(&dirs, &settings)?);
    let environment = Arc::clone(&context.snapshot.environment);
    let upstream = upstream(&settings)?;
    let broker = Broker::new(
        store,
        price_table(&settings)?,
        environment,
        upstream.clone(),
    );
    Ok(OwnerAccess {
        broker: Arc::new(broker),
        upstream,
        default_model: settings.default_model.value,
    })
}

fn upstream(settings: &Settings) -> Result<Upstream, CommandError> {
    let roots = extra_root_certificates(settings)?;
    Upstream::new(roots.as_deref(), Timeouts::default()).map_err(|error| {
        CommandError::new(Exit::Configuration, "cannot set up TLS").caused_by(&error)
    })
}

/// Returns the text of the configuration file, or `None` without a file.
fn read_config_file(dirs: &Dirs) -> Result<Option<String>, CommandError> {
    let directory = match SafeDir::open(&dirs.config, CreateDir::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let path = dirs.config_file();
    match directory.read("config.toml", MAX_CONFIG_BYTES) {
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

/// Reads a configured file by its absolute path. Another user may own it, such as the system's root certificates.
fn read_named_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = || {
        CommandError::new(
            Exit::Configuration,
            format!("cannot read {}", path.display()),
        )
    };
    let file = files::open_anywhere(path).map_err(|error| failed().caused_by(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| failed().caused_by(&error))?;
    Ok(bytes)
}

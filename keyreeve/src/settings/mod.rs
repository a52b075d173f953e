//! Settings with layers: merges flags, the environment and the configuration file, and reports all problems at once.
//!
//! Precedence: flag, then `KEYREEVE_*`, then the file, then the default. Invariant: nothing here does IO; all input is the
//! [`Flags`], the [`Environment`] and the [`ConfigFile`] that are passed in.

mod flags;
mod layers;
mod log;
mod models;
mod setting_values;
mod values;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use keyreeve_core::cache_ttl::Ttl;
use keyreeve_gateway::{DEFAULT_PORT, DEFAULT_THROTTLE_WAIT, Listen};
use keyreeve_os::environment::Environment;
use keyreeve_store::{Durability, Retention};

pub(crate) use flags::{Flags, PassThroughMode};
pub(crate) use layers::{Layer, Setting, Sourced};
pub(crate) use log::{LogFormat, LogLevel};
pub(crate) use setting_values::SettingValue;

use crate::config::ConfigFile;
use crate::problem::Problem;
use crate::variables;
use flags::{PASS_THROUGH, parse_pass_through};
use layers::{Layers, raw_value, single};
use log::{LOG, LOG_FORMAT, parse_log_format, parse_log_level};
use values::{
    parse_body_budget, parse_days, parse_durability, parse_host, parse_listen, parse_path,
    parse_throttle_wait, parse_workers,
};

const MIB: usize = 1024 * 1024;

/// The settings that have layers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// Address that `serve` listens on.
    pub(crate) listen: Sourced<Listen>,
    /// Additional names allowed in `Host`.
    pub(crate) allowed_hosts: Sourced<Vec<String>>,
    /// Maximum bytes of all request bodies in memory.
    pub(crate) body_budget: Sourced<usize>,
    /// Number of threads that serve connections; `None` for one per core.
    pub(crate) workers: Sourced<Option<NonZeroUsize>>,
    /// Maximum time a request waits for a rate limit to reset.
    pub(crate) throttle_wait: Sourced<Duration>,
    /// Pass-through: clients using their own credential.
    pub(crate) pass_through: Sourced<PassThroughMode>,
    /// PEM file of additional root certificates.
    pub(crate) ca_file: Sourced<Option<PathBuf>>,
    /// Price table that replaces the built-in one.
    pub(crate) prices_file: Sourced<Option<PathBuf>>,
    /// Durability of ledger entries.
    pub(crate) durability: Sourced<Durability>,
    /// Days that single attempts are kept.
    pub(crate) detail_days: Sourced<u32>,
    /// Days that sums of attempts are kept.
    pub(crate) rollup_days: Sourced<u32>,
    /// Log level of `serve`.
    pub(crate) log: Sourced<LogLevel>,
    /// Format of the log of `serve`.
    pub(crate) log_format: Sourced<LogFormat>,
    /// Model of `ask`, `check` and `connect` if none is named.
    pub(crate) default_model: Sourced<Option<String>>,
    /// Prompt cache lifetimes by model pattern; set only in the file.
    pub(crate) cache_ttl: Vec<(String, Ttl)>,
}

const LISTEN: Setting = Setting {
    key: "serve.listen",
    variable: Some(variables::LISTEN),
    flag: Some("--listen"),
};
const ALLOWED_HOSTS: Setting = Setting {
    key: "serve.allowed_hosts",
    variable: Some(variables::ALLOWED_HOSTS),
    flag: None,
};
const BODY_BUDGET: Setting = Setting {
    key: "serve.body_budget_mib",
    variable: Some(variables::BODY_BUDGET_MIB),
    flag: None,
};
const WORKERS: Setting = Setting {
    key: "serve.workers",
    variable: Some(variables::WORKERS),
    flag: None,
};
const THROTTLE_WAIT: Setting = Setting {
    key: "serve.throttle_wait_seconds",
    variable: Some(variables::THROTTLE_WAIT_SECONDS),
    flag: None,
};
/// No variable: a hostile environment must not be able to re-point TLS.
const CA_FILE: Setting = Setting {
    key: "upstream.ca_file",
    variable: None,
    flag: None,
};
const PRICES_FILE: Setting = Setting {
    key: "prices.file",
    variable: Some(variables::PRICES_FILE),
    flag: None,
};
const DURABILITY: Setting = Setting {
    key: "ledger.durability",
    variable: Some(variables::LEDGER_DURABILITY),
    flag: None,
};
const DETAIL_DAYS: Setting = Setting {
    key: "ledger.detail_days",
    variable: Some(variables::LEDGER_DETAIL_DAYS),
    flag: None,
};
const ROLLUP_DAYS: Setting = Setting {
    key: "ledger.rollup_days",
    variable: Some(variables::LEDGER_ROLLUP_DAYS),
    flag: None,
};
/// No flag: the commands have `--model` instead.
const DEFAULT_MODEL: Setting = Setting {
    key: "default_model",
    variable: Some(variables::DEFAULT_MODEL),
    flag: None,
};

impl Settings {
    /// Merges the layers.
    ///
    /// # Errors
    /// Every problem found.
    pub(crate) fn resolve(
        flags: &Flags,
        environment: &Environment,
        file: &ConfigFile,
    ) -> Result<Self, Vec<Problem>> {
        let mut layers = Layers::default();
        let settings = Self::read(flags, environment, file, &mut layers);
        layers.add(pass_through_beyond_loopback(&settings));
        layers.into_problems().map_or(Ok(settings), Err)
    }

    fn read(
        flags: &Flags,
        environment: &Environment,
        file: &ConfigFile,
        layers: &mut Layers,
    ) -> Self {
        let value = |setting, file| raw_value(environment, setting, &[], file);
        let (serve, ledger, retention) = (&file.serve, &file.ledger, Retention::default());
        let ca_file = single(file.upstream.ca_file.as_ref());
        let prices_file = single(file.prices.file.as_ref());
        let (listen, pass_through, log_format) =
            Self::read_with_flags(flags, environment, file, layers);
        Self {
            listen,
            allowed_hosts: layers.list(
                value(ALLOWED_HOSTS, serve.allowed_hosts.clone()),
                parse_host,
                Vec::new(),
            ),
            body_budget: layers.one(
                value(BODY_BUDGET, single(serve.body_budget_mib)),
                parse_body_budget,
                256 * MIB,
            ),
            workers: layers.one(value(WORKERS, single(serve.workers)), parse_workers, None),
            throttle_wait: layers.one(
                value(THROTTLE_WAIT, single(serve.throttle_wait_seconds)),
                parse_throttle_wait,
                DEFAULT_THROTTLE_WAIT,
            ),
            pass_through,
            ca_file: layers.one(value(CA_FILE, ca_file), parse_path, None),
            prices_file: layers.one(value(PRICES_FILE, prices_file), parse_path, None),
            durability: layers.one(
                value(DURABILITY, single(ledger.durability.as_ref())),
                parse_durability,
                Durability::Local,
            ),
            detail_days: layers.one(
                value(DETAIL_DAYS, single(ledger.detail_days)),
                parse_days,
                retention.detail_days,
            ),
            rollup_days: layers.one(
                value(ROLLUP_DAYS, single(ledger.rollup_days)),
                parse_days,
                retention.rollup_days,
            ),
            log: layers.one(
                value(LOG, single(file.log.level.as_ref())),
                parse_log_level,
                LogLevel::Info,
            ),
            log_format,
            default_model: layers.one(
                value(DEFAULT_MODEL, single(file.default_model.as_ref())),
                models::parse_default_model,
                None,
            ),
            cache_ttl: models::cache_ttls(&file.models, layers),
        }
    }

    /// Reads the settings that also have a flag.
    fn read_with_flags(
        flags: &Flags,
        environment: &Environment,
        file: &ConfigFile,
        layers: &mut Layers,
    ) -> (
        Sourced<Listen>,
        Sourced<PassThroughMode>,
        Sourced<LogFormat>,
    ) {
        let value = |setting, flags: &[String], file| raw_value(environment, setting, flags, file);
        let in_file = single(file.serve.listen.as_ref());
        let listen = layers.one(
            value(LISTEN, &flags.listen, in_file),
            parse_listen,
            Listen::Loopback { port: DEFAULT_PORT },
        );
        let in_file = single(file.serve.pass_through);
        let pass_through = layers.one(
            value(PASS_THROUGH, &flags.pass_through, in_file),
            parse_pass_through,
            PassThroughMode::Off,
        );
        let in_file = single(file.log.format.as_ref());
        let log_format = layers.one(
            value(LOG_FORMAT, &flags.log_format, in_file),
            parse_log_format,
            LogFormat::default(),
        );
        (listen, pass_through, log_format)
    }
}

/// Returns the problem of pass-through combined with names beyond loopback: those are for clients of other machines, but a
/// login may only pass through on its owner's machine.
fn pass_through_beyond_loopback(settings: &Settings) -> Option<Problem> {
    let host = settings.allowed_hosts.value.first()?;
    (settings.pass_through.value == PassThroughMode::On).then(|| {
        let text = format!(
            "cannot be combined with `serve.allowed_hosts` (`{host}`): a client's own login may only pass through on this machine. Remove one of the two."
        );
        settings
            .pass_through
            .from
            .problem(PASS_THROUGH.key, text)
    })
}

#[cfg(test)]
mod tests {
    use super::values::listen_name;
    use super::*;

    fn resolve(
        flags: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Settings, Vec<String>> {
        let flags = Flags {
            listen: flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..Flags::default()
        };
        let file = crate::config::read(file).0;
        Settings::resolve(
            &flags,
            &Environment::from_pairs(variables.iter().copied()),
            &file,
        )
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nearest_layer_wins() {
        let file = "[serve]\nlisten = '127.0.0.1:3'";
        let variable = ("KEYREEVE_LISTEN", "127.0.0.1:2");
        for (flags, variables, file, expected, from) in [
            (
                &["127.0.0.1:1"][..],
                &[variable][..],
                file,
                "127.0.0.1:1",
                Layer::Flag("--listen"),
            ),
            (
                &[],
                &[variable],
                file,
                "127.0.0.1:2",
                Layer::Variable("KEYREEVE_LISTEN"),
            ),
            (&[], &[], file, "127.0.0.1:3", Layer::File("serve.listen")),
            (&[], &[], "", "localhost:8484", Layer::Default),
        ] {
            let listen = resolve(flags, variables, file).unwrap().listen;
            assert_eq!(
                (listen_name(listen.value), listen.from),
                (expected.to_owned(), from)
            );
        }
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let problems = resolve(
            &["0.0.0.0:1"],
            &[("KEYREEVE_LOG", "loud"), ("KEYREEVE_BODY_BUDGET_MIB", "1")],
            "[upstream]\nca_file = 'roots.pem'\n[ledger]\ndurability = 'maybe'\n[serve]\nallowed_hosts = ['*']",
        )
        .unwrap_err();
        assert_eq!(
            problems,
            [
                "`--listen` must be a loopback address, not `0.0.0.0:1`",
                "`serve.allowed_hosts` must be host names without wildcards, not `*`",
                "KEYREEVE_BODY_BUDGET_MIB must be a number of MiB from 32 to 65536, not `1`",
                "`upstream.ca_file` must be an absolute path, not `roots.pem`",
                "`ledger.durability` must be local or strict, not `maybe`",
                "KEYREEVE_LOG must be error, warn, info, debug or trace, not `loud`",
            ]
        );
    }

    #[test]
    fn pass_through_conflicts_with_names_beyond_loopback() {
        let names = "[serve]\nallowed_hosts = ['gateway.internal']\n";
        assert!(resolve(&[], &[], names).is_ok());
        let problems = resolve(&[], &[], &format!("{names}pass_through = true")).unwrap_err();
        assert_eq!(
            problems,
            [
                "`serve.pass_through` cannot be combined with `serve.allowed_hosts` (`gateway.internal`): a client's own login may only pass through on this machine. Remove one of the two."
            ]
        );
    }

    #[test]
    fn schema_and_settings_have_the_same_keys() {
        let schema = crate::config::schema();
        let mut published = Vec::new();
        for (section, shape) in schema.as_value()["properties"].as_object().unwrap() {
            let any_key = &shape["additionalProperties"]["properties"];
            match (shape["properties"].as_object(), any_key.as_object()) {
                (Some(keys), _) => {
                    published.extend(keys.keys().map(|key| format!("{section}.{key}")));
                }
                (None, Some(keys)) => {
                    published.extend(keys.keys().map(|key| format!("{section}.\"*\".{key}")));
                }
                (None, None) => published.push(section.clone()),
            }
        }
        let file = "[models.'*']\ncache_ttl = '1h'";
        let values = resolve(&[], &[], file).unwrap().values();
        let mut resolved: Vec<_> = values.iter().map(|it| it.key.to_string()).collect();
        published.sort();
        resolved.sort();
        assert_eq!(published, resolved);
    }
}

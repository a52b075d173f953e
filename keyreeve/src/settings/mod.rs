//! What the command line, the environment and the configuration file mean together: pure, and all problems at once.
//!
//! Precedence: flag, then `KEYREEVE_*`, then the file, then the default. Invariants: nothing here does IO; whatever is
//! asked is asked of the [`Environment`] and the [`File`] handed in.

mod ask;
mod command;
mod doctor;
mod flags;
mod import;
mod launch;
mod layers;
mod models;
mod onboard;
mod payer;
mod plan;
mod problem;
mod profile;
mod shown;
mod statusline;
mod values;
mod when;

use std::path::PathBuf;
use std::time::Duration;

use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::snapshot::Environment;
use keyreeve_gateway::{Listen, USUAL_PORT, USUAL_THROTTLE_WAIT};
use keyreeve_store::Durability;

pub(crate) use ask::{Ask, Check, Prompt, USUAL_MODEL, Which};
pub(crate) use command::*;
pub(crate) use doctor::{AboutIt, Doctor, Helpers};
pub(crate) use flags::{Flags, Passing};
pub(crate) use import::{Import, Run};
pub(crate) use launch::{Behind, Env, Exec, Launch, Meant, Reveal, Shell};
pub(crate) use layers::{Layer, Setting, Sourced};
pub(crate) use onboard::{Onboard, Trial, Way};
pub(crate) use payer::{Bind, Detail, ExitTells, Guard, HookShell, Status};
pub(crate) use plan::{Consent, PlanToken};
pub(crate) use problem::{Problem, without_keys};
pub(crate) use profile::{AddProfile, Profile, SecretFrom};
pub(crate) use shown::Shown;
pub(crate) use statusline::{Statusline, Trouble};

use crate::args;
use crate::config::File;
use crate::variables;
use flags::{PASS_THROUGH, passing};
use layers::{Layers, spoken, word};
use values::{budget, durability, host, log_level, path, place, throttle_wait};

const MIB: usize = 1024 * 1024;

/// Every setting that has layers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// Where `serve` listens.
    pub(crate) listen: Sourced<Listen>,
    /// Further names it answers to.
    pub(crate) allowed_hosts: Sourced<Vec<String>>,
    /// Bytes that all request bodies may hold together.
    pub(crate) body_budget: Sourced<usize>,
    /// How long the end of a limit is waited for.
    pub(crate) throttle_wait: Sourced<Duration>,
    /// Whether a client's own credential may pass through.
    pub(crate) pass_through: Sourced<Passing>,
    /// A PEM file of further roots.
    pub(crate) ca_file: Sourced<Option<PathBuf>>,
    /// A price table that replaces the built-in one.
    pub(crate) prices_file: Sourced<Option<PathBuf>>,
    /// When ledger rows are safe.
    pub(crate) durability: Sourced<Durability>,
    /// How much `serve` logs.
    pub(crate) log: Sourced<LogLevel>,
    /// The model of `ask`, `check` and `connect` where none is named.
    pub(crate) default_model: Sourced<Option<String>>,
    /// Lifetimes of caches by globs of models: the file's alone.
    pub(crate) cache_ttl: Vec<(String, Ttl)>,
}

/// How much `serve` logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogLevel {
    /// Only what failed.
    Error,
    /// And what looks wrong.
    Warn,
    /// And one line a request.
    Info,
    /// And how it went inside.
    Debug,
    /// And everything else.
    Trace,
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
const LOG: Setting = Setting {
    key: "log.level",
    variable: Some(variables::LOG),
    flag: None,
};
/// No flag of its own: each command that asks has its `--model`.
const DEFAULT_MODEL: Setting = Setting {
    key: "default_model",
    variable: Some(variables::DEFAULT_MODEL),
    flag: None,
};

impl Settings {
    /// Puts the layers together.
    ///
    /// # Errors
    /// Every problem found.
    pub(crate) fn resolve(
        flags: &Flags,
        environment: &Environment,
        file: &File,
    ) -> Result<Self, Vec<Problem>> {
        let mut layers = Layers::default();
        let settings = Self::read(flags, environment, file, &mut layers);
        layers.add(passing_for_others(&settings));
        layers.into_problems().map_or(Ok(settings), Err)
    }

    fn read(flags: &Flags, environment: &Environment, file: &File, layers: &mut Layers) -> Self {
        let said = |setting, flags: &[String], file| spoken(environment, setting, flags, file);
        let one = |setting, file| said(setting, &[], file);
        let File { serve, .. } = file;
        Self {
            listen: layers.one(
                said(LISTEN, &flags.listen, word(serve.listen.as_ref())),
                place,
                Listen::Loopback { port: USUAL_PORT },
            ),
            allowed_hosts: layers.list(
                one(ALLOWED_HOSTS, serve.allowed_hosts.clone()),
                host,
                Vec::new(),
            ),
            body_budget: layers.one(
                one(BODY_BUDGET, word(serve.body_budget_mib)),
                budget,
                256 * MIB,
            ),
            throttle_wait: layers.one(
                one(THROTTLE_WAIT, word(serve.throttle_wait_seconds)),
                throttle_wait,
                USUAL_THROTTLE_WAIT,
            ),
            pass_through: layers.one(
                said(PASS_THROUGH, &flags.pass_through, word(serve.pass_through)),
                passing,
                Passing::Off,
            ),
            ca_file: layers.one(
                one(CA_FILE, word(file.upstream.ca_file.as_ref())),
                path,
                None,
            ),
            prices_file: layers.one(
                one(PRICES_FILE, word(file.prices.file.as_ref())),
                path,
                None,
            ),
            durability: layers.one(
                one(DURABILITY, word(file.ledger.durability.as_ref())),
                durability,
                Durability::Process,
            ),
            log: layers.one(
                one(LOG, word(file.log.level.as_ref())),
                log_level,
                LogLevel::Info,
            ),
            default_model: layers.one(
                one(DEFAULT_MODEL, word(file.default_model.as_ref())),
                models::default_model,
                None,
            ),
            cache_ttl: models::cache_ttls(&file.models, layers),
        }
    }
}

/// Names beyond loopback are for clients elsewhere; whoever signs in for themselves does so on this machine.
fn passing_for_others(settings: &Settings) -> Option<Problem> {
    let others = settings.allowed_hosts.value.first()?;
    (settings.pass_through.value == Passing::On).then(|| {
        let text = format!(
            "a client's own login passes through on this machine alone, and serve.allowed_hosts lets `{others}` in: take one of the two out"
        );
        Problem::of_layer(settings.pass_through.from, PASS_THROUGH.key, text)
    })
}

impl LogLevel {
    /// Its name in settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::values::place_name;
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
    fn the_nearest_layer_wins() {
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
                (place_name(listen.value), listen.from),
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
                "--listen: `0.0.0.0:1` is not a loopback address: serving beyond this machine is refused for now",
                "`serve.allowed_hosts`: `*` is not a host name; there is no wildcard",
                "KEYREEVE_BODY_BUDGET_MIB: `1` must be a number of MiB from 32 to 65536",
                "`upstream.ca_file`: `roots.pem` must be an absolute path",
                "`ledger.durability`: `maybe` must be process or strict",
                "KEYREEVE_LOG: `loud` must be error, warn, info, debug or trace",
            ]
        );
    }

    #[test]
    fn a_login_passes_through_for_nobody_elsewhere() {
        let names = "[serve]\nallowed_hosts = ['gateway.internal']\n";
        assert!(resolve(&[], &[], names).is_ok());
        let problems = resolve(&[], &[], &format!("{names}pass_through = true")).unwrap_err();
        assert_eq!(
            problems,
            [
                "`serve.pass_through`: a client's own login passes through on this machine alone, and serve.allowed_hosts lets `gateway.internal` in: take one of the two out"
            ]
        );
    }

    #[test]
    fn the_schema_and_the_settings_name_the_same_things() {
        let schema = crate::config::schema();
        let mut published = Vec::new();
        for (section, shape) in schema.as_value()["properties"].as_object().unwrap() {
            let of_any_key = &shape["additionalProperties"]["properties"];
            match (shape["properties"].as_object(), of_any_key.as_object()) {
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
        let shown = resolve(&[], &[], file).unwrap().shown();
        let mut resolved: Vec<_> = shown.iter().map(|it| it.key.to_string()).collect();
        published.sort();
        resolved.sort();
        assert_eq!(published, resolved);
    }
}

//! A secret printed by a program, such as a password manager's command line.
//!
//! Invariants: the program is started directly, never through a shell, and gets no other profile's secret in its
//! environment; programs it starts by name are never looked up in the working directory; its timeout is 60 seconds; its
//! output is cached for 5 minutes, zeroized when replaced, and never shown; concurrent leases share one run.

use std::collections::HashMap;
use std::pin::pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::token::contains_token;
use keyreeve_os::environment::Environment;
use keyreeve_os::programs::without_working_directory;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::{SourceError, parse_credential};
use crate::Broker;

/// Time to cache an output before the program is run again: Claude Code's own default (docs/facts.md#claude-code).
const DEFAULT_CACHE_TTL: Duration = Duration::from_mins(5);
/// Timeout of a run.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);
/// Time after which a slow program is logged.
const SLOW_WARNING_DELAY: Duration = Duration::from_secs(10);
/// Maximum output: the longest header value from a helper (docs/facts.md#claude-code), and a line break.
const MAX_OUTPUT_BYTES: usize = 16_384 + 2;

/// The cached output of each profile's program.
#[derive(Default)]
pub(crate) struct OutputCache(Mutex<HashMap<ProfileId, CacheSlot>>);

type CacheSlot = Arc<tokio::sync::Mutex<Option<CachedOutput>>>;

struct CachedOutput {
    argv: Vec<String>,
    output: Zeroizing<String>,
    read_at: Instant,
}

/// Returns the program's output as a credential: from the cache, or by running it.
pub(super) async fn obtain(
    broker: &Broker,
    profile: &Profile,
    argv: &[String],
) -> Result<Credential, SourceError> {
    let program = CredentialCommand {
        argv,
        cache_ttl: DEFAULT_CACHE_TTL,
        provenance: Provenance::Unknown,
    };
    program.obtain(broker, profile).await
}

/// A program that prints a credential.
pub(super) struct CredentialCommand<'a> {
    /// The program and its arguments.
    pub(super) argv: &'a [String],
    /// Time to cache its output.
    pub(super) cache_ttl: Duration,
    /// Provenance of the tokens it prints.
    pub(super) provenance: Provenance,
}

impl CredentialCommand<'_> {
    /// Returns the program's output as a credential: from the cache, or by running it.
    pub(super) async fn obtain(
        &self,
        broker: &Broker,
        profile: &Profile,
    ) -> Result<Credential, SourceError> {
        let slot = broker.command_outputs.slot(profile.id);
        // Locked while the program runs, so that concurrent leases wait for this run instead of starting another.
        let mut cached = slot.lock().await;
        if let Some(cached) = cached.as_ref().filter(|cached| cached.is_usable_for(self))
            && !broker.rejected.take_mark(profile.id, &cached.fingerprint())
        {
            return parse_credential(profile, &cached.output, self.provenance);
        }
        *cached = None;
        let output = run(
            self.argv,
            &foreign_secret_variables(broker),
            &broker.environment,
        )
        .await?;
        let credential = parse_credential(profile, &output, self.provenance)?;
        *cached = Some(CachedOutput {
            argv: self.argv.to_vec(),
            output,
            read_at: Instant::now(),
        });
        Ok(credential)
    }
}

impl OutputCache {
    fn slot(&self, profile: ProfileId) -> CacheSlot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(profile).or_default())
    }
}

impl CachedOutput {
    /// Returns the fingerprint of the output without its line break: the same as the credential's.
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.output.trim())
    }

    fn is_usable_for(&self, program: &CredentialCommand<'_>) -> bool {
        self.argv == program.argv && self.read_at.elapsed() < program.cache_ttl
    }
}

/// Returns the environment variables with other credentials: those that profiles refer to, and any that contains a key.
fn foreign_secret_variables(broker: &Broker) -> Vec<String> {
    let policy = broker.store.policy().ok();
    let profiles = policy.iter().flat_map(|policy| policy.profiles());
    let referenced = profiles.filter_map(|profile| match &profile.source {
        Source::Environment { variable } => Some(variable.as_str()),
        Source::Sealed
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => None,
    });
    let environment = &broker.environment;
    let contains_key = |name: &&str| environment.get(name).is_some_and(contains_token);
    let variables_with_keys = environment.names().filter(contains_key);
    referenced
        .chain(variables_with_keys)
        .map(ToOwned::to_owned)
        .collect()
}

async fn run(
    argv: &[String],
    removed_variables: &[String],
    environment: &Environment,
) -> Result<Zeroizing<String>, SourceError> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed = |what| SourceError::Command {
        program: program.clone(),
        what,
    };
    let mut command = Command::new(&program);
    for variable in removed_variables {
        command.env_remove(variable);
    }
    if let Some(path) = environment.get("PATH") {
        command.env("PATH", without_working_directory(path));
    }
    let mut child = command
        .args(argv.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A password manager may print anything there, even a secret: users see it when they run the command
        // themselves.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| failed("cannot be started"))?;
    let mut output = Zeroizing::new(String::with_capacity(MAX_OUTPUT_BYTES));
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(MAX_OUTPUT_BYTES as u64)
                .read_to_string(&mut output)
                .await
                .map_err(|_| failed("printed invalid UTF-8"))?;
        }
        child
            .wait()
            .await
            .map_err(|_| failed("ended without an exit status"))
    };
    let finished = wait_with_timeout(run, &program)
        .await
        .ok_or_else(|| failed("took longer than 60 s and was stopped"))??;
    if !finished.success() {
        return Err(failed("failed: run it yourself to see why"));
    }
    match output.trim_end_matches(['\r', '\n']) {
        "" => Err(failed("printed nothing")),
        text if text.contains(['\r', '\n']) => Err(failed("printed more than one line")),
        _ => Ok(output),
    }
}

/// Waits for a program until its timeout. Logs a warning while it runs if it is slow.
async fn wait_with_timeout<T>(run: impl Future<Output = T>, program: &str) -> Option<T> {
    let mut run = pin!(run);
    let deadline = Instant::now() + RUN_TIMEOUT;
    if let Ok(finished) = timeout(SLOW_WARNING_DELAY, &mut run).await {
        return Some(finished);
    }
    tracing::warn!(%program, seconds = SLOW_WARNING_DELAY.as_secs(), "slow credential command");
    timeout_at(deadline, run).await.ok()
}

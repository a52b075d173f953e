//! A secret printed by a program, such as a password manager's command line.
//!
//! Invariants: the program is started directly, never through a shell, and is shown no other profile's secret; nothing it
//! starts by its name comes out of the working directory; it has 60 seconds; what it prints is used for 5 minutes,
//! zeroed when it is replaced, and never shown; leases that need it at once share one run.

use std::collections::HashMap;
use std::pin::pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::token::looks_like_a_key;
use keyreeve_os::programs::without_working_directory;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::{SourceError, judged};
use crate::Broker;

/// How long an output is used before the program is asked again: Claude Code's own default (docs/facts.md#claude-code).
const KEPT_FOR: Duration = Duration::from_mins(5);
/// How long a program may take.
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// When a slow program is worth a line in the log.
const SLOW: Duration = Duration::from_secs(10);
/// The longest value a header takes from a helper (docs/facts.md#claude-code), and a line break.
const LONGEST_OUTPUT: usize = 16_384 + 2;

/// What each profile's program last printed.
#[derive(Default)]
pub(crate) struct Outputs(Mutex<HashMap<ProfileId, Slot>>);

type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

struct Kept {
    argv: Vec<String>,
    printed: Zeroizing<String>,
    at: Instant,
}

/// Reads what the program prints, running it where nothing fresh is kept.
pub(super) async fn obtain(
    broker: &Broker,
    profile: &Profile,
    argv: &[String],
) -> Result<Credential, SourceError> {
    let program = Program {
        argv,
        kept_for: KEPT_FOR,
        provenance: Provenance::Unknown,
    };
    program.obtain(broker, profile).await
}

/// A program that prints a credential.
pub(super) struct Program<'a> {
    /// It and its arguments.
    pub(super) argv: &'a [String],
    /// How long its output is good for.
    pub(super) kept_for: Duration,
    /// How what it prints came to be.
    pub(super) provenance: Provenance,
}

impl Program<'_> {
    /// Reads what it prints, running it where nothing fresh is kept.
    pub(super) async fn obtain(
        &self,
        broker: &Broker,
        profile: &Profile,
    ) -> Result<Credential, SourceError> {
        let slot = broker.commands.slot(profile.id);
        // Held while the program runs, so that everybody else waits for this run instead of starting another.
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.serves(self))
            && !broker.rejected.take(profile.id, &kept.fingerprint())
        {
            return judged(profile, &kept.printed, self.provenance);
        }
        *kept = None;
        let printed = run(self.argv, &others_secrets(broker), &broker.environment).await?;
        let credential = judged(profile, &printed, self.provenance)?;
        *kept = Some(Kept {
            argv: self.argv.to_vec(),
            printed,
            at: Instant::now(),
        });
        Ok(credential)
    }
}

impl Outputs {
    fn slot(&self, profile: ProfileId) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(profile).or_default())
    }
}

impl Kept {
    /// As the credential's own: of what is left without the line break.
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.printed.trim())
    }

    fn serves(&self, program: &Program<'_>) -> bool {
        self.argv == program.argv && self.at.elapsed() < program.kept_for
    }
}

/// The variables that hold credentials of others: those that profiles refer to, and any with a key in it.
fn others_secrets(broker: &Broker) -> Vec<String> {
    let policy = broker.store.policy().ok();
    let profiles = policy.iter().flat_map(|policy| policy.profiles());
    let referred = profiles.filter_map(|profile| match &profile.source {
        Source::Environment { variable } => Some(variable.as_str()),
        Source::Sealed
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => None,
    });
    let environment = &broker.environment;
    let holds_a_key = |name: &&str| environment.get(name).is_some_and(looks_like_a_key);
    let with_keys = environment.names().filter(holds_a_key);
    referred.chain(with_keys).map(ToOwned::to_owned).collect()
}

async fn run(
    argv: &[String],
    hidden: &[String],
    environment: &Environment,
) -> Result<Zeroizing<String>, SourceError> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed = |what| SourceError::Command {
        program: program.clone(),
        what,
    };
    let mut command = Command::new(&program);
    for variable in hidden {
        command.env_remove(variable);
    }
    if let Some(path) = environment.get("PATH") {
        command.env("PATH", without_working_directory(path));
    }
    let mut child = command
        .args(argv.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A password manager may print anything there, also a secret: it is for a person who runs it by hand.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| failed("cannot be started"))?;
    let mut printed = Zeroizing::new(String::with_capacity(LONGEST_OUTPUT));
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(LONGEST_OUTPUT as u64)
                .read_to_string(&mut printed)
                .await
                .map_err(|_| failed("printed no text"))?;
        }
        child
            .wait()
            .await
            .map_err(|_| failed("could not be waited for"))
    };
    let finished = within_limits(run, &program)
        .await
        .ok_or_else(|| failed("took longer than 60 s and was ended"))??;
    if !finished.success() {
        return Err(failed("failed; run it by hand to see why"));
    }
    match printed.trim_end_matches(['\r', '\n']) {
        "" => Err(failed("printed nothing")),
        text if text.contains(['\r', '\n']) => Err(failed("printed more than one line")),
        _ => Ok(printed),
    }
}

/// Waits for a program, not for ever, and says in the log when it is slow, while it still is.
async fn within_limits<T>(run: impl Future<Output = T>, program: &str) -> Option<T> {
    let mut run = pin!(run);
    let end = Instant::now() + TIME_LIMIT;
    if let Ok(finished) = timeout(SLOW, &mut run).await {
        return Some(finished);
    }
    tracing::warn!(%program, seconds = SLOW.as_secs(), "slow credential command");
    timeout_at(end, run).await.ok()
}

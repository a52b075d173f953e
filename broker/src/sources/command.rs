//! A secret printed by a program, such as a password manager's command line.
//!
//! Invariants: the program is started directly, never through a shell, and is shown no other profile's secret; it has 60
//! seconds; what it prints is used for 5 minutes, zeroed when it is replaced, and never shown; leases that need it at once
//! share one run.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, ProfileId, Source};
use keyreeve_core::token::looks_like_a_key;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{SourceError, fetched};
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
    printed(broker, profile, argv, KEPT_FOR).await
}

/// As [`obtain`], for a program whose output is good for as long as `kept_for`.
pub(super) async fn printed(
    broker: &Broker,
    profile: &Profile,
    argv: &[String],
    kept_for: Duration,
) -> Result<Credential, SourceError> {
    let slot = broker.commands.slot(profile.id);
    // Held while the program runs, so that everybody else waits for this run instead of starting another.
    let mut kept = slot.lock().await;
    if let Some(kept) = kept.as_ref().filter(|kept| kept.serves(argv, kept_for)) {
        return fetched(profile, &kept.printed);
    }
    *kept = None;
    let printed = run(argv, &others_secrets(broker)).await?;
    let credential = fetched(profile, &printed)?;
    *kept = Some(Kept {
        argv: argv.to_vec(),
        printed,
        at: Instant::now(),
    });
    Ok(credential)
}

impl Outputs {
    fn slot(&self, profile: ProfileId) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(profile).or_default())
    }
}

impl Kept {
    fn serves(&self, argv: &[String], kept_for: Duration) -> bool {
        self.argv == argv && self.at.elapsed() < kept_for
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

async fn run(argv: &[String], hidden: &[String]) -> Result<Zeroizing<String>, SourceError> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed = |what| SourceError::Command {
        program: program.clone(),
        what,
    };
    let mut command = Command::new(&program);
    for variable in hidden {
        command.env_remove(variable);
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
    let started = Instant::now();
    let mut printed = Zeroizing::new(String::with_capacity(LONGEST_OUTPUT));
    let finished = timeout(TIME_LIMIT, async {
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
    })
    .await
    .map_err(|_| failed("took longer than 60 s and was ended"))??;
    if started.elapsed() > SLOW {
        tracing::warn!(%program, seconds = started.elapsed().as_secs(), "slow credential command");
    }
    if !finished.success() {
        return Err(failed("failed; run it by hand to see why"));
    }
    match printed.trim_end_matches(['\r', '\n']) {
        "" => Err(failed("printed nothing")),
        text if text.contains(['\r', '\n']) => Err(failed("printed more than one line")),
        _ => Ok(printed),
    }
}

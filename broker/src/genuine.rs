//! A plan login is asked by nobody but the genuine `claude`: started here with a tiny prompt, and listened to.
//!
//! Invariants: the program is started directly, never through a shell; of the environment it gets nothing that could
//! make another credential answer, and the one token that is meant; it is ended after its limit; we send no request
//! ourselves, so there is no row in our ledger.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::inert::inert_line;
use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::rivals::without_rivals;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_os::{programs, world};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{Broker, DirectError};

/// More than this is not read of what it prints.
const LONGEST_OUTPUT: u64 = 1 << 20;
/// No text of its is shown at greater length.
const LONGEST_SAID: usize = 300;

/// How the genuine `claude` fared.
#[derive(Clone, Debug)]
pub struct Genuine {
    /// What it means for the login.
    pub verdict: Verdict,
    /// The status that the API gave it; none where all went well, or it asked nobody.
    pub status: Option<u16>,
    /// What it printed about that: one line, inert.
    pub said: Option<String>,
}

/// Why `claude` could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoGenuine {
    /// It is not installed.
    #[error("`claude` is not on PATH, and a plan login is asked by nothing else")]
    NotFound,
    /// The login could not be had, or is none.
    #[error("the login cannot be had")]
    Login(#[from] DirectError),
    /// It has no login, or what it has is none.
    #[error("`claude` says that nobody is logged in")]
    NotLoggedIn,
    /// It did not end in time.
    #[error("`claude` did not answer within {} s", .0.as_secs_f32())]
    TooLate(Duration),
    /// It could not be started, or said nothing that makes sense.
    #[error("`claude` {0}")]
    Failed(&'static str),
}

/// What `--output-format json` prints, as far as it matters (docs/facts.md#claude-code).
#[derive(Deserialize)]
struct Printed {
    is_error: bool,
    api_error_status: Option<u16>,
    result: Option<String>,
}

impl Broker {
    /// Has `claude` ask one tiny question with a profile's plan login.
    ///
    /// # Errors
    /// See [`NoGenuine`].
    pub async fn ask_claude(
        self: &Arc<Self>,
        profile: &Profile,
        limit: Duration,
    ) -> Result<Genuine, NoGenuine> {
        let path = self.environment.get("PATH").unwrap_or_default();
        let program = programs::find("claude", path).ok_or(NoGenuine::NotFound)?;
        let mut command = Command::new(program);
        command
            .args(["-p", "hi", "--output-format", "json"])
            // Settings outrank the environment: a key or a helper in them would answer instead.
            .args(["--setting-sources", ""]);
        clean(&mut command, &self.environment);
        self.log_in(&mut command, profile).await?;
        let printed = run(command, limit).await?;
        let printed: Printed = serde_json::from_slice(&printed)
            .map_err(|_| NoGenuine::Failed("printed nothing that makes sense"))?;
        judge(&printed)
    }

    /// Gives the program the one login that is meant.
    async fn log_in(
        self: &Arc<Self>,
        command: &mut Command,
        profile: &Profile,
    ) -> Result<(), NoGenuine> {
        match &profile.source {
            Source::ClaudeLogin { config_dir } => {
                // The login is its own: nothing of it is read here.
                if let Some(folder) = config_dir {
                    command.env("CLAUDE_CONFIG_DIR", folder);
                }
            }
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. } => {
                let credential = self.plan_login(profile).await?;
                let token = credential
                    .expose_for(profile.base_url.origin())
                    .map_err(|_| NoGenuine::Failed("would send the login to another origin"))?;
                command.env("CLAUDE_CODE_OAUTH_TOKEN", token);
            }
        }
        Ok(())
    }
}

/// Gives the program that environment. One attempt is enough.
fn clean(command: &mut Command, environment: &Environment) {
    command
        .env_clear()
        .envs(without_rivals(environment))
        .env("CLAUDE_CODE_MAX_RETRIES", "0")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
}

async fn run(mut command: Command, limit: Duration) -> Result<Vec<u8>, NoGenuine> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| NoGenuine::Failed("cannot be started"))?;
    let mut printed = Vec::new();
    timeout(limit, async {
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(LONGEST_OUTPUT)
                .read_to_end(&mut printed)
                .await
                .map_err(|_| NoGenuine::Failed("could not be listened to"))?;
        }
        // It ends with 1 for every error, and says more in what it prints.
        child
            .wait()
            .await
            .map_err(|_| NoGenuine::Failed("could not be waited for"))
    })
    .await
    .map_err(|_| NoGenuine::TooLate(limit))??;
    Ok(printed)
}

fn judge(printed: &Printed) -> Result<Genuine, NoGenuine> {
    let result = printed.result.as_deref().unwrap_or_default();
    let said = (!result.is_empty()).then(|| inert_line(result, LONGEST_SAID).into_owned());
    let verdict = match (printed.is_error, printed.api_error_status) {
        (false, _) => {
            return Ok(Genuine {
                verdict: Verdict::ok(),
                status: None,
                said: None,
            });
        }
        (true, _) if result.contains("/login") && printed.api_error_status.is_none() => {
            return Err(NoGenuine::NotLoggedIn);
        }
        (true, None) => {
            Verdict::of_client_text(result, world::now()).unwrap_or_else(Verdict::no_answer)
        }
        (true, Some(status)) => of_words(status, result),
    };
    Ok(Genuine {
        verdict,
        status: printed.api_error_status,
        said,
    })
}

/// What `claude` prints in place of the API's own words, and those words (docs/facts.md#claude-code).
const ITS_WORDS: [(&str, &str); 3] = [
    (
        "Credit balance is too low",
        "Your credit balance is too low",
    ),
    (
        "disabled organization",
        "This organization has been disabled",
    ),
    ("OAuth token revoked", "OAuth token has been revoked"),
];
/// How it begins where the plan's window is used up, which it learns from headers that it does not print.
const PLAN_LIMIT: &str = "You've hit your limit";

fn of_words(status: u16, result: &str) -> Verdict {
    let theirs = ITS_WORDS
        .iter()
        .find(|(its, _)| result.contains(its))
        .map(|(_, theirs)| *theirs);
    // Mostly the whole envelope follows after a few words.
    let whole = result.find('{').map(|at| result.as_bytes()[at..].to_vec());
    let body = match (theirs, whole) {
        (None, Some(whole)) => whole,
        (theirs, _) => {
            let message = theirs.unwrap_or(result);
            json!({"type": "error", "error": {"type": "", "message": message}})
                .to_string()
                .into_bytes()
        }
    };
    let headers: &[(&str, &str)] = if result.starts_with(PLAN_LIMIT) {
        &[("anthropic-ratelimit-unified-status", "rejected")]
    } else {
        &[]
    };
    let answer = ErrorAnswer {
        status,
        headers,
        body: &body,
    };
    Verdict::of_error(&answer, world::now())
}

#[cfg(test)]
mod tests {
    use keyreeve_core::verdict::Health;

    use super::*;

    #[test]
    fn what_claude_prints_is_understood() {
        let envelope = r#"Failed to authenticate. API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"}}"#;
        for (status, result, expected) in [
            (401, envelope, Health::RevokedOrMistyped),
            (
                401,
                "Invalid API key · Fix external API key",
                Health::RevokedOrMistyped,
            ),
            (400, "Credit balance is too low", Health::OutOfCredit),
            (402, "Credit balance is too low", Health::OutOfCredit),
            (
                403,
                "Failed to authenticate: OAuth token revoked. …",
                Health::RevokedOrMistyped,
            ),
            (
                400,
                "Your ANTHROPIC_API_KEY belongs to a disabled organization",
                Health::OrganizationDisabled,
            ),
            (
                429,
                "You've hit your limit · resets 5:46am (UTC)",
                Health::PlanWindow,
            ),
            (
                429,
                "Server is temporarily limiting requests",
                Health::RateLimited,
            ),
            (
                529,
                "Repeated 529 Overloaded errors",
                Health::UpstreamTrouble,
            ),
        ] {
            let printed = Printed {
                is_error: true,
                api_error_status: Some(status),
                result: Some(result.to_owned()),
            };
            let genuine = judge(&printed).unwrap();
            assert_eq!(genuine.verdict.health(), expected, "{status} {result}");
        }
    }

    #[test]
    fn nobody_logged_in_is_no_verdict() {
        let printed = Printed {
            is_error: true,
            api_error_status: None,
            result: Some("Not logged in · Please run /login".to_owned()),
        };
        assert!(matches!(judge(&printed), Err(NoGenuine::NotLoggedIn)));
    }
}

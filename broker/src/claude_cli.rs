//! Tests a plan login by running the official `claude` CLI with a tiny prompt; keyreeve itself never sends it.
//!
//! Invariants: the program is started directly, never through a shell; its environment contains no variable that
//! selects another credential, and only the token under test; it is killed after its timeout; keyreeve sends no
//! request, so there is no ledger entry.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use keyreeve_os::environment::Environment;
use keyreeve_os::{programs, system};
use keyreeve_resolver::conflicts::without_conflicts;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{Broker, RawKeyError};

/// Maximum number of bytes read from the output of `claude`.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;
/// Maximum length of the error message, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Result of one prompt run by the `claude` CLI.
#[derive(Clone, Debug)]
pub struct ClaudeCliResult {
    /// The verdict on the login.
    pub verdict: Verdict,
    /// The API's error status; `None` if the prompt succeeded or no request was sent.
    pub status: Option<u16>,
    /// The error message that `claude` printed, sanitized to one line.
    pub message: Option<String>,
}

/// Error for a prompt that `claude` could not run.
#[derive(Debug, thiserror::Error)]
pub enum ClaudeCliError {
    /// `claude` is not installed.
    #[error("`claude` is not on PATH, and only `claude` may use a plan login")]
    NotFound,
    /// The login cannot be obtained, or is not a plan login.
    #[error("cannot obtain the login")]
    Login(#[from] RawKeyError),
    /// `claude` is not logged in.
    #[error("`claude` is not logged in")]
    NotLoggedIn,
    /// `claude` did not exit within the timeout.
    #[error("`claude` did not respond within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// `claude` failed to start or printed something unexpected; the text is the predicate of a sentence.
    #[error("`claude` {0}")]
    Failed(&'static str),
}

/// The relevant fields of `--output-format json` (docs/facts.md#claude-code).
#[derive(Deserialize)]
struct CliOutput {
    is_error: bool,
    api_error_status: Option<u16>,
    result: Option<String>,
}

impl Broker {
    /// Runs one tiny prompt through `claude` with a profile's plan login.
    ///
    /// # Errors
    /// See [`ClaudeCliError`].
    pub async fn run_claude(
        self: &Arc<Self>,
        profile: &Profile,
        max_duration: Duration,
    ) -> Result<ClaudeCliResult, ClaudeCliError> {
        let path = self.environment.get("PATH").unwrap_or_default();
        let program = programs::find("claude", path).ok_or(ClaudeCliError::NotFound)?;
        let mut command = Command::new(program);
        command
            .args(["-p", "hi", "--output-format", "json"])
            // Settings take precedence over the environment: a key or a helper in them would be used instead.
            .args(["--setting-sources", ""]);
        set_environment(&mut command, &self.environment);
        self.set_login(&mut command, profile).await?;
        let output = run(command, max_duration).await?;
        let output: CliOutput = serde_json::from_slice(&output)
            .map_err(|_| ClaudeCliError::Failed("printed unexpected output"))?;
        classify(&output)
    }

    /// Passes the login under test to the program.
    async fn set_login(
        self: &Arc<Self>,
        command: &mut Command,
        profile: &Profile,
    ) -> Result<(), ClaudeCliError> {
        match &profile.source {
            Source::ClaudeLogin { config_dir } => {
                // `claude` uses its own login, which is not read here.
                if let Some(directory) = config_dir {
                    command.env("CLAUDE_CONFIG_DIR", directory);
                }
            }
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. } => {
                let credential = self.plan_token(profile).await?;
                let token = credential
                    .expose_for(profile.base_url.origin())
                    .map_err(|_| {
                        ClaudeCliError::Failed("would send the login to another origin")
                    })?;
                command.env("CLAUDE_CODE_OAUTH_TOKEN", token);
            }
        }
        Ok(())
    }
}

/// Sets the program's environment, without conflicting variables and without retries.
fn set_environment(command: &mut Command, environment: &Environment) {
    command
        .env_clear()
        .envs(without_conflicts(environment))
        .env("CLAUDE_CODE_MAX_RETRIES", "0")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
}

async fn run(mut command: Command, max_duration: Duration) -> Result<Vec<u8>, ClaudeCliError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| ClaudeCliError::Failed("cannot be started"))?;
    let mut output = Vec::new();
    timeout(max_duration, async {
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(MAX_OUTPUT_BYTES)
                .read_to_end(&mut output)
                .await
                .map_err(|_| ClaudeCliError::Failed("closed its output unexpectedly"))?;
        }
        // The exit code is 1 for every error; the output has the details.
        child
            .wait()
            .await
            .map_err(|_| ClaudeCliError::Failed("ended without an exit status"))
    })
    .await
    .map_err(|_| ClaudeCliError::TimedOut(max_duration))??;
    Ok(output)
}

fn classify(output: &CliOutput) -> Result<ClaudeCliResult, ClaudeCliError> {
    let result = output.result.as_deref().unwrap_or_default();
    let message =
        (!result.is_empty()).then(|| sanitize_line(result, MAX_MESSAGE_CHARS).into_owned());
    let verdict = match (output.is_error, output.api_error_status) {
        (false, _) => {
            return Ok(ClaudeCliResult {
                verdict: Verdict::ok(),
                status: None,
                message: None,
            });
        }
        (true, _) if result.contains("/login") && output.api_error_status.is_none() => {
            return Err(ClaudeCliError::NotLoggedIn);
        }
        (true, None) => {
            Verdict::from_client_text(result, system::now()).unwrap_or_else(Verdict::no_response)
        }
        (true, Some(status)) => classify_text(status, result),
    };
    Ok(ClaudeCliResult {
        verdict,
        status: output.api_error_status,
        message,
    })
}

/// Texts that `claude` prints instead of the API's error messages, and those messages (docs/facts.md#claude-code).
const CLI_TEXTS: [(&str, &str); 3] = [
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
/// Start of the message for an exhausted plan window, which `claude` learns from headers that it does not print.
const PLAN_LIMIT: &str = "You've hit your limit";

fn classify_text(status: u16, result: &str) -> Verdict {
    let api_message = CLI_TEXTS
        .iter()
        .find(|(text, _)| result.contains(text))
        .map(|(_, message)| *message);
    // Usually the complete envelope follows after a few words.
    let envelope = result.find('{').map(|at| result.as_bytes()[at..].to_vec());
    let body = match (api_message, envelope) {
        (None, Some(envelope)) => envelope,
        (api_message, _) => {
            let message = api_message.unwrap_or(result);
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
    let response = ErrorResponse {
        status,
        headers,
        body: &body,
    };
    Verdict::from_response(&response, system::now())
}

#[cfg(test)]
mod tests {
    use keyreeve_core::verdict::CredentialStatus;

    use super::*;

    #[test]
    fn output_of_claude_is_classified() {
        let envelope = r#"Failed to authenticate. API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"}}"#;
        for (status, result, expected) in [
            (401, envelope, CredentialStatus::RevokedOrMistyped),
            (
                401,
                "Invalid API key · Fix external API key",
                CredentialStatus::RevokedOrMistyped,
            ),
            (
                400,
                "Credit balance is too low",
                CredentialStatus::OutOfCredit,
            ),
            (
                402,
                "Credit balance is too low",
                CredentialStatus::OutOfCredit,
            ),
            (
                403,
                "Failed to authenticate: OAuth token revoked. …",
                CredentialStatus::RevokedOrMistyped,
            ),
            (
                400,
                "Your ANTHROPIC_API_KEY belongs to a disabled organization",
                CredentialStatus::OrganizationDisabled,
            ),
            (
                429,
                "You've hit your limit · resets 5:46am (UTC)",
                CredentialStatus::PlanWindow,
            ),
            (
                429,
                "Server is temporarily limiting requests",
                CredentialStatus::RateLimited,
            ),
            (
                529,
                "Repeated 529 Overloaded errors",
                CredentialStatus::UpstreamTrouble,
            ),
        ] {
            let output = CliOutput {
                is_error: true,
                api_error_status: Some(status),
                result: Some(result.to_owned()),
            };
            let checked = classify(&output).unwrap();
            assert_eq!(
                checked.verdict.credential_status(),
                expected,
                "{status} {result}"
            );
        }
    }

    #[test]
    fn missing_login_has_no_verdict() {
        let output = CliOutput {
            is_error: true,
            api_error_status: None,
            result: Some("Not logged in · Please run /login".to_owned()),
        };
        assert!(matches!(
            classify(&output),
            Err(ClaudeCliError::NotLoggedIn)
        ));
    }
}

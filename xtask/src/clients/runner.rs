//! Runs the scenarios inside the namespace, one after the other, each with its own fixture, and prints their outcomes.

use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::fixture::Fixture;
use super::scenario::{Action, Expected, Scenario, all};
use super::{given_key, issued_key, own_login};
use crate::http::Request;
use crate::output::Outcome;
use crate::programs::{Program, client, run_with_timeout};
use crate::{namespace, output};

/// Time limit for one client run.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(1);
/// Time limit for the ledger to record an outcome after the last byte of the response.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs every scenario and prints its outcome.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    namespace::prepare(root)?;
    for (number, scenario) in all().iter().enumerate() {
        let name = scenario.name();
        let outcome = match client::program_path(root, scenario.program) {
            Err(reason) => Outcome::Skipped { name, reason },
            Ok(program) => match run_scenario(root, number, scenario, &program) {
                Ok(()) => Outcome::Passed { name },
                Err(error) => Outcome::Failed {
                    name,
                    reason: format!("{error:#}").replace('\n', " "),
                },
            },
        };
        output::print_line(outcome);
    }
    Ok(ExitCode::SUCCESS)
}

fn run_scenario(root: &Path, number: usize, scenario: &Scenario, program: &Path) -> Result<()> {
    let fixture = Fixture::start(root, number, scenario)?;
    let output = run_with_timeout(client(&fixture, scenario, program)?, CLIENT_TIMEOUT)?;
    check_output(scenario, &output)?;
    if scenario.expected() == Expected::IssuedKey {
        return issued_key::check(&fixture, scenario.action, &finished_attempt(&fixture)?);
    }
    let requests = fixture.relay.requests();
    let sent = only_request(&requests, scenario.path())?;
    let received = fixture.received()?;
    match scenario.expected() {
        Expected::IssuedKey => {}
        Expected::PassedThrough => {
            let received = compare::only_success(&received)?;
            let attempt = finished_attempt(&fixture)?;
            own_login::check_passed_through(&fixture, sent, received)?;
            own_login::check_ledger(&attempt, sent, scenario.action)?;
        }
        Expected::RejectedOnce => {
            ensure!(
                received.is_empty(),
                "{} requests were sent upstream",
                received.len()
            );
            let ledger = fixture.keyreeve(&["requests", "--attempts"])?;
            ensure!(
                ledger["attempts"].as_array().is_some_and(Vec::is_empty),
                "the ledger is not empty: {ledger}"
            );
        }
        Expected::Forwarded { status, operation } => {
            ensure!(
                received.len() == 1,
                "{} requests were sent upstream",
                received.len()
            );
            ensure!(
                received[0]["status"] == status,
                "status {}, expected {status}",
                received[0]["status"]
            );
            compare::check_unchanged(sent, &received[0])?;
            compare::check_credential_replaced(&fixture.key, &received[0])?;
            let attempt = finished_attempt(&fixture)?;
            compare::check_ledger(&attempt, sent, (status, operation, scenario.streams()))?;
        }
    }
    Ok(())
}

/// Returns the client's command, with only the scenario's variables in its environment.
fn client(fixture: &Fixture, scenario: &Scenario, program: &Path) -> Result<Command> {
    match scenario.expected() {
        Expected::IssuedKey => {
            issued_key::client(fixture, scenario.program, scenario.action, program)
        }
        Expected::PassedThrough => own_login::client(fixture, scenario, program),
        Expected::Forwarded { .. } | Expected::RejectedOnce => {
            given_key::client(fixture, scenario, program)
        }
    }
}

/// Checks the client's exit status and output.
fn check_output(scenario: &Scenario, output: &Output) -> Result<()> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let succeeded = output.status.success();
    ensure!(
        succeeded == (scenario.action != Action::WrongKey),
        "the client exited with {}: {stdout}{stderr}",
        output.status
    );
    let expected: &[&str] = match (scenario.program, scenario.action) {
        (Program::Curl, Action::Stream) => &["event: message_start", "event: message_stop"],
        (Program::Curl, Action::Tool) => &["\"tool_use\"", "\"lookup\""],
        (Program::Curl, Action::Error) => &["not_found_error", "claude-unknown"],
        (Program::Curl, _) => &["\"end_turn\""],
        (Program::Python(_) | Program::Typescript(_), Action::Provider) => &["sandbox"],
        (Program::Python(_) | Program::Httpx(_) | Program::LangChain(_), _) => &["success"],
        (Program::ClaudeCode(_), Action::WrongKey) => &["401"],
        (Program::Typescript(_) | Program::ClaudeCode(_), _) => &[],
    };
    for text in expected {
        ensure!(
            stdout.contains(text),
            "the client's output lacks {text}: {stdout}{stderr}"
        );
    }
    ensure!(
        !stdout.trim().is_empty(),
        "the client printed nothing: {stderr}"
    );
    Ok(())
}

/// Returns the only request on a path. Other requests may only be `HEAD`, to which the gateway itself responds.
fn only_request<'a>(requests: &'a [Request], path: &str) -> Result<&'a Request> {
    let others = requests
        .iter()
        .filter(|request| request.path() != path && request.method != "HEAD");
    let others: Vec<&str> = others.map(Request::path).collect();
    ensure!(others.is_empty(), "the client also requested {others:?}");
    let mut matching = requests.iter().filter(|request| request.path() == path);
    let first = matching
        .next()
        .with_context(|| format!("the client did not request {path}"))?;
    let more = matching.count();
    ensure!(more == 0, "the client sent {} requests", more + 1);
    Ok(first)
}

/// Returns the only attempt in the ledger, once its outcome is recorded.
fn finished_attempt(fixture: &Fixture) -> Result<Value> {
    let deadline = Instant::now() + LEDGER_TIMEOUT;
    loop {
        let ledger = fixture.keyreeve(&["requests", "--attempts"])?;
        let attempts = ledger["attempts"]
            .as_array()
            .context("the ledger has no attempts")?;
        ensure!(
            attempts.len() == 1,
            "{} attempts for one request",
            attempts.len()
        );
        if attempts[0]["ending"] != "open" || Instant::now() > deadline {
            return Ok(attempts[0].clone());
        }
        thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, only_request};

    fn requests(paths: &[(&str, &str)]) -> Vec<Request> {
        let request = |&(method, target): &(&str, &str)| Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        paths.iter().map(request).collect()
    }

    #[test]
    fn one_request_and_a_warm_up_are_expected() {
        let once = requests(&[("HEAD", "/"), ("POST", "/v1/messages?beta=true")]);
        assert_eq!(
            only_request(&once, "/v1/messages").expect("once").method,
            "POST"
        );
        let never = requests(&[("HEAD", "/")]);
        only_request(&never, "/v1/messages").expect_err("no request");
        let twice = requests(&[("POST", "/v1/messages"), ("POST", "/v1/messages")]);
        only_request(&twice, "/v1/messages").expect_err("two requests");
        let other = requests(&[("POST", "/v1/messages"), ("GET", "/v1/models")]);
        only_request(&other, "/v1/messages").expect_err("another request");
    }
}

//! Runs inside the namespace: one scenario after the other, each on a stage of its own, and a line for each outcome.

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::compare;
use super::http::{self, Request};
use super::program::Program;
use super::scenario::{Act, Expected, Scenario, all};
use super::stage::Stage;
use super::{Outcome, handed, install, namespace, own_login};
use crate::say;

/// A client may take this long for one scenario.
const CLIENT_LIMIT: Duration = Duration::from_mins(1);
/// An outcome is on disk soon after the answer's last byte; a row may stay open for this long.
const ROW_LIMIT: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// Runs every scenario.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    namespace::prepare(root)?;
    for (number, scenario) in all().iter().enumerate() {
        let name = scenario.name();
        let outcome = match install::program_path(root, scenario.program) {
            Err(why) => Outcome::Skipped { name, why },
            Ok(program) => match play(root, number, scenario, &program) {
                Ok(()) => Outcome::Passed { name },
                Err(error) => Outcome::Failed {
                    name,
                    why: format!("{error:#}").replace('\n', " "),
                },
            },
        };
        say::line(outcome);
    }
    Ok(ExitCode::SUCCESS)
}

fn play(root: &Path, number: usize, scenario: &Scenario, program: &Path) -> Result<()> {
    let stage = Stage::start(root, number, scenario)?;
    let output = finish(stage.client(scenario, program)?, CLIENT_LIMIT)?;
    answered(scenario, &output)?;
    if scenario.expected() == Expected::Handed {
        return handed::check(&stage, scenario.act, &closed_row(&stage)?);
    }
    let requests = stage.relay.requests();
    let sent = sent_once(&requests, scenario.path())?;
    let arrived = http::get(&stage.sandbox, "/_sandbox/requests")?;
    let arrived: Vec<&Value> = arrived["data"].as_array().into_iter().flatten().collect();
    match scenario.expected() {
        Expected::Handed => {}
        Expected::PassedThrough => {
            ensure!(
                arrived.len() == 1 && arrived[0]["status"] == 200,
                "not one good answer: {arrived:?}"
            );
            let row = closed_row(&stage)?;
            own_login::passed_untouched(&stage, sent, arrived[0])?;
            own_login::ledger_is_right(&row, sent, scenario.act)?;
        }
        Expected::RefusedOnce => {
            ensure!(
                arrived.is_empty(),
                "{} requests went upstream",
                arrived.len()
            );
            let attempts = stage.keyreeve(&["attempts"])?;
            ensure!(
                attempts["attempts"].as_array().is_some_and(Vec::is_empty),
                "a row: {attempts}"
            );
        }
        Expected::Answered { status, operation } => {
            ensure!(
                arrived.len() == 1,
                "{} requests went upstream",
                arrived.len()
            );
            ensure!(
                arrived[0]["status"] == status,
                "answered {}, not {status}",
                arrived[0]["status"]
            );
            compare::passed_unchanged(sent, arrived[0])?;
            compare::credential_was_exchanged(&stage.key, arrived[0])?;
            let row = closed_row(&stage)?;
            compare::ledger_is_right(&row, sent, (status, operation, scenario.streams()))?;
        }
    }
    Ok(())
}

/// Runs the client to its end and gives what it printed; one that does not end is ended.
pub(crate) fn finish(mut command: Command, limit: Duration) -> Result<Output> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start the client")?;
    let until = Instant::now() + limit;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            bail!("the client did not end in {limit:?}");
        }
        thread::sleep(LOOK);
    }
    Ok(child.wait_with_output()?)
}

/// Checks what the client itself made of the answer.
fn answered(scenario: &Scenario, output: &Output) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let succeeded = output.status.success();
    ensure!(
        succeeded == (scenario.act != Act::WrongKey),
        "the client ended with {}: {text}{said}",
        output.status
    );
    let expected: &[&str] = match (scenario.program, scenario.act) {
        (Program::Curl, Act::Stream) => &["event: message_start", "event: message_stop"],
        (Program::Curl, Act::Tool) => &["\"tool_use\"", "\"look\""],
        (Program::Curl, Act::Error) => &["not_found_error", "claude-of-nobody"],
        (Program::Curl, _) => &["\"end_turn\""],
        (Program::Python(_) | Program::Typescript(_), Act::Provider) => &["sandbox"],
        (Program::Python(_) | Program::Httpx(_) | Program::LangChain(_), _) => &["answered"],
        (Program::ClaudeCode(_), Act::WrongKey) => &["401"],
        (Program::Typescript(_) | Program::ClaudeCode(_), _) => &[],
    };
    for words in expected {
        ensure!(
            text.contains(words),
            "the client's answer lacks {words}: {text}{said}"
        );
    }
    ensure!(
        !text.trim().is_empty(),
        "the client printed nothing: {said}"
    );
    Ok(())
}

/// The one request on a path; the others may only be questions that the gateway answers itself.
fn sent_once<'a>(requests: &'a [Request], path: &str) -> Result<&'a Request> {
    let others = requests
        .iter()
        .filter(|request| request.path() != path && request.method != "HEAD");
    let others: Vec<&str> = others.map(Request::path).collect();
    ensure!(others.is_empty(), "the client also asked {others:?}");
    let mut asked = requests.iter().filter(|request| request.path() == path);
    let first = asked
        .next()
        .with_context(|| format!("the client did not ask {path}"))?;
    let more = asked.count();
    ensure!(more == 0, "the client asked {} times", more + 1);
    Ok(first)
}

/// The ledger's one row, once its outcome is written.
fn closed_row(stage: &Stage) -> Result<Value> {
    let until = Instant::now() + ROW_LIMIT;
    loop {
        let attempts = stage.keyreeve(&["attempts"])?;
        let rows = attempts["attempts"].as_array().context("no attempts")?;
        ensure!(rows.len() == 1, "{} rows for one request", rows.len());
        if rows[0]["ending"] != "open" || Instant::now() > until {
            return Ok(rows[0].clone());
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, sent_once};

    fn asked(paths: &[(&str, &str)]) -> Vec<Request> {
        let request = |&(method, target): &(&str, &str)| Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        paths.iter().map(request).collect()
    }

    #[test]
    fn one_request_and_the_warming_up_are_expected() {
        let once = asked(&[("HEAD", "/"), ("POST", "/v1/messages?beta=true")]);
        assert_eq!(
            sent_once(&once, "/v1/messages").expect("once").method,
            "POST"
        );
        let never = asked(&[("HEAD", "/")]);
        sent_once(&never, "/v1/messages").expect_err("never asked");
        let twice = asked(&[("POST", "/v1/messages"), ("POST", "/v1/messages")]);
        sent_once(&twice, "/v1/messages").expect_err("asked twice");
        let other = asked(&[("POST", "/v1/messages"), ("GET", "/v1/models")]);
        sent_once(&other, "/v1/messages").expect_err("asked for something else");
    }
}

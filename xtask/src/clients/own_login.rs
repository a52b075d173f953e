//! Scenarios in which the client carries a login of its own through `/passthrough`: what it sent arrived as it was, and
//! nothing of the login stayed behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::http::Request;
use super::program::Program;
use super::scenario::{Act, Scenario};
use super::stage::Stage;
use crate::environment;

/// What stands before the paths of requests that pass through.
const PREFIX: &str = "/passthrough";

/// A login that nobody has, in the look that the sandbox takes for a plan's.
fn login() -> String {
    let own = ["plan-of-nobody-"; 6].concat();
    ["sk-", "ant-", "oat01-", &own, "AA"].concat()
}

/// Sets up a client that signs in for itself.
pub(super) fn client(stage: &Stage, scenario: &Scenario, program: &Path) -> Result<Command> {
    let home = stage.client_home()?;
    let mut command = Command::new(program);
    environment::scrub(&mut command, &home);
    command.current_dir(&home).stdin(Stdio::null());
    let base_url = format!("{}{PREFIX}", stage.relay.url());
    if let Program::ClaudeCode(_) = scenario.program {
        command
            .env("ANTHROPIC_BASE_URL", base_url)
            .env("CLAUDE_CODE_OAUTH_TOKEN", login())
            .env(
                "ANTHROPIC_CUSTOM_HEADERS",
                format!("x-keyreeve-key: {}", stage.key),
            )
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .args(["-p", "hi"]);
        return Ok(command);
    }
    let script = match scenario.program {
        Program::LangChain(_) => "own_login_langchain.py",
        _ => "own_login_httpx.py",
    };
    let what = match scenario.act {
        Act::OwnStream => "stream",
        Act::OwnUsage => "usage",
        _ => "message",
    };
    command
        .env("GATEWAY", base_url)
        .env("OWN_LOGIN", login())
        .env("KEYREEVE_KEY", &stage.key)
        .arg(stage.root().join("xtask/clients").join(script))
        .arg(what);
    Ok(command)
}

/// Checks that a request arrived as it was sent, with the client's own login and nothing of keyreeve's.
pub(super) fn passed_untouched(stage: &Stage, sent: &Request, seen: &Value) -> Result<()> {
    let key = sent
        .headers
        .iter()
        .find(|(name, _)| name == "x-keyreeve-key");
    ensure!(
        key.is_some_and(|(_, value)| *value == stage.key),
        "the client sent no key of keyreeve's"
    );
    compare::passed_unchanged(&without_ours(sent)?, seen)?;
    let login = login();
    let fingerprint = &blake3::hash(login.as_bytes()).to_hex()[..16];
    let carried: Vec<&Value> = seen["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|header| header[1]["fingerprint"].is_string())
        .collect();
    ensure!(
        carried.len() == 1
            && carried[0][0] == "authorization"
            && carried[0][1]["fingerprint"] == fingerprint
            && carried[0][1]["family"] == "oauth_access",
        "not the client's own login alone: {carried:?}"
    );
    nothing_is_kept(&stage.keyreeve_home()?, &login)
}

/// The request as the vendor is to see it: without the prefix of the path and the key.
fn without_ours(sent: &Request) -> Result<Request> {
    let target = sent
        .target
        .strip_prefix(PREFIX)
        .with_context(|| format!("{} is no path of pass-through", sent.target))?;
    let headers = sent.headers.iter();
    let headers = headers
        .filter(|(name, _)| name != "x-keyreeve-key")
        .cloned();
    Ok(Request {
        method: sent.method.clone(),
        target: target.to_owned(),
        headers: headers.collect(),
        body: sent.body.clone(),
    })
}

/// Checks that neither the login nor its fingerprint is in any file of keyreeve's.
fn nothing_is_kept(folder: &Path, login: &str) -> Result<()> {
    let fingerprint = blake3::hash(login.as_bytes());
    let hex = fingerprint.to_hex();
    let needles = [
        login.as_bytes(),
        &login.as_bytes()[20..60],
        fingerprint.as_bytes(),
        &hex.as_bytes()[..16],
    ];
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            nothing_is_kept(&path, login)?;
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let found = needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|part| part == *needle));
        ensure!(!found, "something of the login is in {}", path.display());
    }
    Ok(())
}

/// Checks that the row is the client's own affair: under the key, through no profile, and no money.
pub(super) fn ledger_is_right(row: &Value, sent: &Request, act: Act) -> Result<()> {
    ensure!(
        row["ending"] == "done" && row["status"] == 200,
        "not a finished row: {row}"
    );
    ensure!(
        row["key"] == "sandbox" && row["profile"] == "(pass-through)" && row["simulated"] == true,
        "another key or profile: {row}"
    );
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(row["request_hash"] == hash.as_str(), "another body: {row}");
    ensure!(row["cost_usd"] == 0.0, "a plan bills no request: {row}");
    let worth = row["equivalent_usd"].as_f64().context("no estimate")?;
    let (operation, is_worth) = match act {
        Act::OwnUsage => ("account", worth == 0.0),
        _ => ("messages", worth > 0.0),
    };
    ensure!(
        row["operation"] == operation && is_worth,
        "another estimate: {row}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Request, nothing_is_kept, without_ours};
    use crate::scratch::Scratch;

    fn sent(target: &str) -> Request {
        let header = |name: &str| (name.to_owned(), "x".to_owned());
        Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: vec![header("x-keyreeve-key"), header("x-app")],
            body: Vec::new(),
        }
    }

    #[test]
    fn the_vendor_is_to_see_neither_prefix_nor_key() {
        let seen = without_ours(&sent("/passthrough/v1/models?a=1")).expect("passes");
        assert_eq!(seen.target, "/v1/models?a=1");
        assert_eq!(seen.headers, [("x-app".to_owned(), "x".to_owned())]);
        without_ours(&sent("/v1/models")).expect_err("does not pass through");
    }

    #[test]
    fn a_login_that_stayed_behind_is_found() {
        let scratch = Scratch::new(&std::env::temp_dir(), "own-login").expect("a folder");
        let folder = scratch.folder("kept").expect("a folder in it");
        let login = super::login();
        let file = scratch.folder("kept/in").expect("one below").join("file");
        std::fs::write(&file, "nothing").expect("a file");
        nothing_is_kept(&folder, &login).expect("nothing is kept");
        std::fs::write(&file, format!("x{}y", &login[20..60])).expect("a file");
        nothing_is_kept(&folder, &login).expect_err("a part is kept");
    }
}

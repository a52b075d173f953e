//! Scenarios in which the client sends its own login through `/passthrough`: the request must be forwarded unchanged,
//! and no part of the login may be stored.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::fixture::Fixture;
use super::scenario::{Action, Scenario};
use crate::http::Request;
use crate::programs::Program;

/// Path prefix of pass-through requests.
const PREFIX: &str = "/passthrough";

/// Returns a made-up login; the sandbox takes a token that starts with `plan` for a plan's.
fn login() -> String {
    let body = ["plan-made-up-xx"; 6].concat();
    ["sk-", "ant-", "oat01-", &body, "AA"].concat()
}

/// Sets up a client with its own login.
pub(super) fn client(fixture: &Fixture, scenario: &Scenario, program: &Path) -> Result<Command> {
    let mut command = fixture.client_command(program)?;
    let base_url = format!("{}{PREFIX}", fixture.relay.url());
    if let Program::ClaudeCode(_) = scenario.program {
        command
            .env("ANTHROPIC_BASE_URL", base_url)
            .env("CLAUDE_CODE_OAUTH_TOKEN", login())
            .env(
                "ANTHROPIC_CUSTOM_HEADERS",
                format!("x-keyreeve-key: {}", fixture.key),
            )
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .args(["-p", "hi"]);
        return Ok(command);
    }
    let script = match scenario.program {
        Program::LangChain(_) => "own_login_langchain.py",
        _ => "own_login_httpx.py",
    };
    let mode = match scenario.action {
        Action::OwnLoginStream => "stream",
        Action::OwnLoginUsage => "usage",
        _ => "message",
    };
    command
        .env("GATEWAY", base_url)
        .env("OWN_LOGIN", login())
        .env("KEYREEVE_KEY", &fixture.key)
        .arg(fixture.root().join("xtask/clients").join(script))
        .arg(mode);
    Ok(command)
}

/// Checks that a request was forwarded unchanged, with only the client's own login as its credential.
pub(super) fn check_passed_through(
    fixture: &Fixture,
    sent: &Request,
    received: &Value,
) -> Result<()> {
    let key = sent
        .headers
        .iter()
        .find(|(name, _)| name == "x-keyreeve-key");
    ensure!(
        key.is_some_and(|(_, value)| *value == fixture.key),
        "the client did not send its virtual key"
    );
    compare::check_unchanged(&as_forwarded(sent)?, received)?;
    let login = login();
    let fingerprint = &blake3::hash(login.as_bytes()).to_hex()[..16];
    let credentials = compare::credentials(received);
    ensure!(
        credentials.len() == 1
            && credentials[0][0] == "authorization"
            && credentials[0][1]["fingerprint"] == fingerprint
            && credentials[0][1]["family"] == "oauth_access",
        "not exactly the client's own login: {credentials:?}"
    );
    check_not_stored(&fixture.keyreeve_home()?, &login)
}

/// Returns the request as it should be forwarded: without the path prefix and the virtual key.
fn as_forwarded(sent: &Request) -> Result<Request> {
    let target = sent
        .target
        .strip_prefix(PREFIX)
        .with_context(|| format!("{} is not a pass-through path", sent.target))?;
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

/// Checks that none of keyreeve's files contains the login or its fingerprint.
fn check_not_stored(folder: &Path, login: &str) -> Result<()> {
    let fingerprint = blake3::hash(login.as_bytes());
    let hex = fingerprint.to_hex();
    let needles = [
        login.as_bytes(),
        &login.as_bytes()[20..60],
        fingerprint.as_bytes(),
        &hex.as_bytes()[..16],
    ];
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            check_not_stored(&path, login)?;
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|part| part == *needle));
        ensure!(!found, "{} contains part of the login", path.display());
    }
    Ok(())
}

/// Checks the ledger entry: charged to the key, without a profile and at no cost.
pub(super) fn check_ledger(entry: &Value, sent: &Request, action: Action) -> Result<()> {
    ensure!(
        entry["ending"] == "done" && entry["status"] == 200,
        "not a completed attempt: {entry}"
    );
    ensure!(
        entry["key"] == "sandbox"
            && entry["profile"] == "(pass-through)"
            && entry["simulated"] == true,
        "wrong key or profile: {entry}"
    );
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(
        entry["request_hash"] == hash.as_str(),
        "wrong request hash: {entry}"
    );
    ensure!(
        entry["cost_usd"] == 0.0,
        "a plan's request should be free: {entry}"
    );
    let estimate = entry["equivalent_usd"]
        .as_f64()
        .context("the attempt has no estimate")?;
    let (operation, is_plausible) = match action {
        Action::OwnLoginUsage => ("account", estimate == 0.0),
        _ => ("messages", estimate > 0.0),
    };
    ensure!(
        entry["operation"] == operation && is_plausible,
        "wrong operation or estimate: {entry}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Request, as_forwarded, check_not_stored};
    use crate::environment::Scratch;

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
    fn prefix_and_key_are_not_forwarded() {
        let forwarded = as_forwarded(&sent("/passthrough/v1/models?a=1")).expect("passes");
        assert_eq!(forwarded.target, "/v1/models?a=1");
        assert_eq!(forwarded.headers, [("x-app".to_owned(), "x".to_owned())]);
        as_forwarded(&sent("/v1/models")).expect_err("does not pass through");
    }

    #[test]
    fn stored_login_is_found() {
        let scratch = Scratch::new(&std::env::temp_dir(), "own-login").expect("a directory");
        let folder = scratch.folder("files").expect("a subdirectory");
        let login = super::login();
        let file = scratch
            .folder("files/in")
            .expect("a nested directory")
            .join("file");
        std::fs::write(&file, "nothing").expect("a file");
        check_not_stored(&folder, &login).expect("not stored");
        std::fs::write(&file, format!("x{}y", &login[20..60])).expect("a file");
        check_not_stored(&folder, &login).expect_err("partly stored");
    }
}

//! Scenarios in which the client's configuration contains the virtual key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::fixture::Fixture;
use super::scenario::{Action, Scenario};
use crate::programs::Program;

/// Sets up a client with the key, with only the scenario's variables in its environment.
pub(super) fn client(fixture: &Fixture, scenario: &Scenario, program: &Path) -> Result<Command> {
    let mut command = fixture.client_command(program)?;
    match scenario.program {
        Program::Curl => curl(fixture, scenario, &mut command)?,
        Program::Python(_) => {
            command
                .env("ANTHROPIC_BASE_URL", fixture.relay.url())
                .env("ANTHROPIC_API_KEY", &fixture.key);
            command.arg(fixture.root().join("xtask/clients/python_sdk.py"));
            command.arg(format!("{:?}", scenario.action).to_lowercase());
        }
        // They get an issued key or send their own login.
        Program::Typescript(_) | Program::Httpx(_) | Program::LangChain(_) => {}
        Program::ClaudeCode(_) => claude(fixture, scenario, &mut command)?,
    }
    Ok(command)
}

/// Sets up curl with the key in a file, because other users can list its arguments.
fn curl(fixture: &Fixture, scenario: &Scenario, command: &mut Command) -> Result<()> {
    let headers = fixture.scratch.file("headers");
    let body = fixture.scratch.file("body");
    fs::write(
        &headers,
        format!(
            "x-api-key: {}\nanthropic-version: 2023-06-01\ncontent-type: application/json\n",
            fixture.key
        ),
    )?;
    fs::write(&body, curl_request(scenario.action))?;
    command
        .args(["-sS", "-N", "--max-time", "20", "--header"])
        .arg(at_file(&headers));
    command.arg("--data-binary").arg(at_file(&body));
    command.arg(format!(
        "{}{}?made=up",
        fixture.relay.url(),
        scenario.path()
    ));
    Ok(())
}

fn claude(fixture: &Fixture, scenario: &Scenario, command: &mut Command) -> Result<()> {
    command.env("ANTHROPIC_BASE_URL", fixture.relay.url());
    command
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .args(["-p", "hi"]);
    match scenario.action {
        Action::Helper => {
            let helper = fixture.client_home()?.join("helper.sh");
            fs::write(
                &helper,
                format!("#!/bin/sh\nprintf '%s\\n' '{}'\n", fixture.key),
            )?;
            fs::set_permissions(&helper, fs::Permissions::from_mode(0o700))?;
            fixture.set_api_key_helper(&helper.display().to_string())?;
        }
        Action::WrongKey => {
            command.env("ANTHROPIC_AUTH_TOKEN", altered_key(&fixture.key));
        }
        _ => {
            command.env("ANTHROPIC_AUTH_TOKEN", &fixture.key);
        }
    }
    Ok(())
}

fn at_file(path: &Path) -> String {
    format!("@{}", path.display())
}

fn curl_request(action: Action) -> String {
    let model = if action == Action::Error {
        "claude-unknown"
    } else {
        "claude-opus-5-5"
    };
    let mut body = serde_json::json!({
        "model": model,
        "max_tokens": 64,
        "stream": action == Action::Stream,
        "system": [{ "type": "text", "text": "You are terse.  Two spaces stay two." }],
        "messages": [{ "role": "user", "content": "Use the tool if there is one, otherwise say h\u{00e9}llo." }],
    });
    if action == Action::Tool {
        let schema = serde_json::json!({ "type": "object", "properties": {}, "required": [] });
        body["tools"] = serde_json::json!([{ "name": "lookup", "input_schema": schema }]);
        body["tool_choice"] = serde_json::json!({ "type": "tool", "name": "lookup" });
    }
    format!("{body:#}\n")
}

/// Returns a key of the same form that does not exist: one character is changed.
fn altered_key(key: &str) -> String {
    let swap = |c: char| if c == 'a' { 'b' } else { 'a' };
    let (before, after) = key.split_at(key.len() / 2);
    let mut rest = after.chars();
    let changed = rest.next().map(swap);
    before.chars().chain(changed).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::altered_key;

    #[test]
    fn altered_key_differs_in_content_only() {
        let key = format!("krv_{}_{}_{}", "k".repeat(8), "a".repeat(32), "c".repeat(6));
        assert_eq!(altered_key(&key).len(), key.len());
        assert_ne!(altered_key(&key), key);
    }
}

//! Starts Claude Code through keyreeve in a drawn world, and collects every request on every simulated host.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::judge::{Carried, ExecRun, Intent, Received, RequestPart, VIRTUAL_KEY};
use super::way::Way;
use crate::conformance::anthropic_hosts;
use crate::conformance::drawn::run::{is_billed, origin_of};
use crate::conformance::drawn::setup::WorldSetup;
use crate::conformance::drawn::world::DrawnWorld;
use crate::conformance::token;
use crate::conformance::upstream::Upstream;
use crate::http::Request;
use crate::programs::{client, ensure_success, keyreeve, run_with_input, run_with_timeout};

/// Time limit for keyreeve and the client, also on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(90);

/// The variable with keyreeve's own directory, which no world sets.
const KEYREEVE_HOME: &str = "KEYREEVE_HOME";

/// The end of the paths of Claude Code's logins.
const LOGIN_FILE: &str = ".credentials.json";

/// Adds the profile of a way, starts the client through keyreeve, and returns the intent with the run.
pub(super) fn run(
    root: &Path,
    world: &DrawnWorld,
    way: Way,
    setup: &WorldSetup,
) -> Result<(Intent, ExecRun)> {
    let vendor = Upstream::start()?;
    add_profile(root, way, setup, &vendor.url())?;
    let intent = intent(way, setup, &vendor.url());
    let program = client::program_path(root, world.program).map_err(anyhow::Error::msg)?;
    let mut command = keyreeve_command(root, setup);
    command.args(way.exec_arguments()).arg(program);
    command.args(&setup.arguments).args(["-p", "hi"]);
    let mut run = ExecRun::default();
    match run_with_timeout(command, RUN_TIMEOUT) {
        Ok(output) => {
            run.exit = output.status.code();
            ensure!(run.exit != Some(120), "the world's files cannot be mounted");
            let text = [output.stdout, output.stderr].concat();
            run.output = String::from_utf8_lossy(&text).into_owned();
        }
        Err(error) => run.output = format!("{error:#}"),
    }
    let of_vendor = vendor.take().into_iter();
    let of_vendor = of_vendor.map(|request| (vendor.url(), request));
    for (listener, request) in setup.listeners.take().into_iter().chain(of_vendor) {
        let received = received(listener, &request, &intent);
        if !run.requests.contains(&received) {
            run.requests.push(received);
        }
    }
    Ok((intent, run))
}

/// Returns a command of keyreeve in the world. A user's machine does not turn background requests off.
fn keyreeve_command(root: &Path, setup: &WorldSetup) -> std::process::Command {
    let mut command = setup.command(&keyreeve(root));
    command.env(KEYREEVE_HOME, setup.folder.join("keyreeve"));
    if !setup
        .environment
        .contains_key("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")
    {
        command.env_remove("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC");
    }
    command
}

fn add_profile(root: &Path, way: Way, setup: &WorldSetup, upstream: &str) -> Result<()> {
    let Some(secret) = way.secret() else {
        return Ok(());
    };
    let mut command = keyreeve_command(root, setup);
    command.args(way.add_arguments(upstream));
    let output = run_with_input(&mut command, secret.as_bytes())?;
    ensure_success("keyreeve profile add", &output).context("cannot prepare the way")
}

/// Returns the credential that must be sent, and the places that a refusal may name.
fn intent(way: Way, setup: &WorldSetup, vendor: &str) -> Intent {
    let is_login = |file: &Option<String>| {
        let file = file.as_deref().unwrap_or_default();
        way == Way::Native && file.ends_with(LOGIN_FILE)
    };
    let mut intent = Intent {
        way,
        origin: match way {
            Way::Gateway => vendor.to_owned(),
            Way::Native | Way::Profile | Way::SetupToken => anthropic_hosts::ORIGIN.to_owned(),
        },
        values: way.secret().into_iter().collect(),
        refresh_tokens: Vec::new(),
        places: vec!["--settings".to_owned(), "--bare".to_owned()],
        names: Vec::new(),
    };
    let secret = way.secret().map(|secret| ("intended".to_owned(), secret));
    intent.names.extend(secret);
    for planted in &setup.planted {
        let tokens = planted.tokens.iter();
        let named = tokens.map(|token| (planted.name.clone(), token.clone()));
        intent.names.extend(named);
        let is_token = planted.key == "file" || planted.key.ends_with("accessToken");
        if is_login(&planted.file) && is_token {
            intent.values.extend(planted.tokens.iter().cloned());
            if planted.key != "file" && !planted.text.is_empty() {
                intent.values.push(planted.text.clone());
            }
            intent
                .refresh_tokens
                .extend([token::refresh_token("login"), token::refresh_token("again")]);
        }
        if planted.file.is_none() {
            intent.places.push(planted.key.clone());
        }
    }
    // An option without its value, and a path that an option names.
    let is_place = |argument: &&str| argument.starts_with("--") || argument.starts_with('/');
    let options = setup
        .arguments
        .iter()
        .filter_map(|text| text.split('=').next());
    intent
        .places
        .extend(options.filter(is_place).map(str::to_owned));
    let files = setup.files.keys();
    intent
        .places
        .extend(files.map(|path| setup.absolute(path.trim_end_matches("#readable"))));
    intent.names.push((
        "login's refresh token".to_owned(),
        token::refresh_token("login"),
    ));
    let identity = token::identity_token("federation");
    intent.names.push(("identity token".to_owned(), identity));
    intent
}

/// Returns a request with the credentials in all its parts.
fn received(listener: String, request: &Request, intent: &Intent) -> Received {
    let mut credentials = Vec::new();
    let mut others = vec![
        request.target.clone(),
        String::from_utf8_lossy(&request.body).into_owned(),
    ];
    for (name, value) in &request.headers {
        // A no-break space arrives as a byte that is not UTF-8; the world's values are compared without it, too.
        let is_space = |c: char| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
        let token = value.strip_prefix("Bearer").unwrap_or(value);
        let token = token.trim_matches(is_space);
        let part = match name.as_str() {
            "x-api-key" => RequestPart::ApiKey,
            "authorization" => RequestPart::Authorization,
            _ => {
                others.push(value.clone());
                continue;
            }
        };
        if !token.is_empty() {
            credentials.push(Carried {
                part,
                value: token.to_owned(),
            });
        }
    }
    let known = intent.names.iter().map(|(_, token)| token.as_str());
    for secret in known.chain([VIRTUAL_KEY]) {
        let carried = Carried {
            part: RequestPart::Elsewhere,
            value: secret.to_owned(),
        };
        let is_new = !credentials.contains(&carried);
        if is_new && others.iter().any(|text| text.contains(secret)) {
            credentials.push(carried);
        }
    }
    Received {
        to: origin_of(listener, request),
        path: request.path().to_owned(),
        is_billed: is_billed(request),
        credentials,
    }
}

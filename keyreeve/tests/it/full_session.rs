//! A full session: every command a user might run, with a separate secret planted at each entry point.
//!
//! Invariant: the caller decides how commands are started, so that the same session can be observed in different ways; the
//! responses and the printed keys are returned.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::ProcessOutput;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::TerminalInput;
use keyreeve_testkit::upstream::{Scripted, responses};
use keyreeve_testkit::wire;
use serde_json::json;
use tempfile::TempDir;

use crate::case::{Case, assert_exit};
use crate::serving::{SERVE, SERVE_SANDBOX, Serving, message, request, streamed};

/// The variable that a profile references.
pub(crate) const VARIABLE: &str = "SESSION_KEY";

/// Starts `keyreeve` with these arguments.
type CommandBuilder<'a> = &'a dyn Fn(&[&str]) -> Command;

/// One secret for each entry point.
pub(crate) struct SessionSecrets {
    pub(crate) stdin: Canary,
    pub(crate) prompt: Canary,
    pub(crate) environment: Canary,
    pub(crate) program: Canary,
    pub(crate) bearer: Canary,
    pub(crate) old: Canary,
    pub(crate) new: Canary,
    pub(crate) inspected: Canary,
    pub(crate) client: Canary,
    pub(crate) wrong_key: Canary,
    pub(crate) passphrase: Canary,
}

/// The record of a session.
pub(crate) struct SessionRecord {
    /// All responses of the gateway, byte for byte, each with a description of the request.
    pub(crate) responses: Vec<(String, Vec<u8>)>,
    /// The virtual keys, each printed once on standard output.
    pub(crate) keys: Vec<Canary>,
}

/// A session.
pub(crate) struct FullSession<'a> {
    case: &'a Case,
    start: CommandBuilder<'a>,
    planted: SessionSecrets,
    sandbox: Sandbox,
    echo: Scripted,
    outside: TempDir,
    record: SessionRecord,
}

impl SessionSecrets {
    /// Creates the secrets; `test` makes them unique to a test.
    pub(crate) fn new(test: &str) -> Self {
        let key = |name: &str| Canary::api_key(&format!("{test}-{name}"));
        // The middle, by which it is recognized, contains the test's name.
        let generated =
            |name: &str| Canary::generated(name, &format!("{name}-{test}-{test}-{test}-{name}"));
        Self {
            stdin: key("stdin"),
            prompt: key("prompt"),
            environment: key("variable"),
            program: key("program"),
            bearer: generated("bearer-token"),
            old: key("old"),
            new: key("new"),
            inspected: key("inspected"),
            client: key("client"),
            wrong_key: Canary::wrong_virtual_key(&format!("{test}-wrong")),
            passphrase: generated("passphrase"),
        }
    }

    /// Returns all secrets.
    pub(crate) fn all(&self) -> [&Canary; 11] {
        [
            &self.stdin,
            &self.prompt,
            &self.environment,
            &self.program,
            &self.bearer,
            &self.old,
            &self.new,
            &self.inspected,
            &self.client,
            &self.wrong_key,
            &self.passphrase,
        ]
    }
}

impl<'a> FullSession<'a> {
    /// Prepares a session and plants its secrets: none may be found in the home at the end.
    pub(crate) fn new(case: &'a Case, start: CommandBuilder<'a>, planted: SessionSecrets) -> Self {
        for canary in planted.all() {
            case.home.plant(canary);
        }
        let outside = TempDir::new().unwrap();
        fs::write(outside.path().join("secret"), planted.program.value()).unwrap();
        Self {
            case,
            start,
            planted,
            sandbox: Sandbox::start(),
            echo: Scripted::start(|request| responses::echo_credentials(400, request)),
            outside,
            record: SessionRecord {
                responses: Vec::new(),
                keys: Vec::new(),
            },
        }
    }

    /// Runs all commands.
    pub(crate) fn run_all(mut self) -> SessionRecord {
        assert_exit(self.run(&["store", "init"]), 0);
        self.add_profiles();
        self.manage_profiles();
        let keys = ["stdin", "prompt", "variable", "program", "bearer", "office"].map(|profile| {
            (
                profile,
                self.new_key(&["key", "add", profile, "-p", profile]),
            )
        });
        self.serve(&keys);
        self.serve_sandbox();
        self.report();
        self.back_up_and_restore();
        self.clean_up();
        self.record
    }

    fn add_profiles(&self) {
        let (sandbox, echo) = (self.sandbox.base_url(), self.echo.base_url());
        let planted = &self.planted;
        assert_exit(
            self.feed(&add(&sandbox, "stdin", &["--stdin"]), planted.stdin.value()),
            0,
        );
        let keys = format!("{}\r", planted.prompt.value());
        let typed = TerminalInput {
            prompt: "Secret",
            keys: keys.as_bytes(),
        };
        let mut command = (self.start)(&add(&sandbox, "prompt", &[]));
        assert_exit(self.case.home.run_at_terminal(&mut command, &[typed]), 0);
        let mut command = (self.start)(&add(&sandbox, "variable", &["--env", VARIABLE]));
        command.env(VARIABLE, planted.environment.value());
        assert_exit(self.case.home.run(&mut command), 0);
        let file = self.outside.path().join("secret").display().to_string();
        assert_exit(
            self.run(&add(
                &sandbox,
                "program",
                &["--command", "--", "cat", &file],
            )),
            0,
        );
        let arguments = [
            "profile", "add", "bearer", "--origin", &echo, "--auth", "bearer",
        ];
        let arguments = [&arguments[..], &["--insecure-loopback", "--stdin"]].concat();
        assert_exit(self.feed(&arguments, planted.bearer.value()), 0);
        assert_exit(
            self.feed(&add(&sandbox, "old", &["--stdin"]), planted.old.value()),
            0,
        );
    }

    fn manage_profiles(&self) {
        let rotate = ["profile", "rotate", "old", "--stdin"];
        assert_exit(self.feed(&rotate, self.planted.new.value()), 0);
        for arguments in [
            &["profile", "rename", "old", "office"][..],
            &["profile", "use", "office"],
            &["profile", "list"],
            &["profile", "list", "--json"],
            &["profile", "show", "bearer"],
            &["profile", "show", "office", "--json"],
            &["store", "info"],
            &["config", "show"],
        ] {
            assert_exit(self.run(arguments), 0);
        }
        for format in [&["inspect", "-"][..], &["inspect", "-", "--json"]] {
            assert_exit(self.feed(format, self.planted.inspected.value()), 0);
        }
        let (start, end) = self.planted.inspected.value().split_at(50);
        let junk = format!("{start} {end}");
        let wrong = ["profile", "add", "wrong", "--stdin"];
        for arguments in [&["inspect", "-"][..], &wrong, &rotate_office()] {
            assert_exit(self.feed(arguments, &junk), 4);
        }
        for arguments in [
            &["status"][..],
            &["status", "--json", "--for", "sdk-python"],
        ] {
            let mut command = (self.start)(arguments);
            command.env("ANTHROPIC_API_KEY", self.planted.environment.value());
            assert_exit(self.case.home.run(&mut command), 0);
        }
    }

    fn serve(&mut self, keys: &[(&str, String)]) {
        let mut command = (self.start)(&SERVE);
        command.env(VARIABLE, self.planted.environment.value());
        let serving = Serving::new(self.case.home.start(&mut command));
        self.use_client_commands();
        let failing = json!([{"error": "overloaded"}, {"cut_after_bytes": 400}]);
        self.sandbox.script(&self.planted.new, &failing);
        for (profile, key) in keys {
            for body in [message("hello"), streamed("hello")] {
                let request = request(serving.address(), key, &body);
                let what = format!("the response to {profile}");
                self.record_response(what, wire::send_raw(serving.address(), &request));
            }
        }
        self.send_invalid_requests(&serving, &keys[0].1);
        let planted = &self.planted;
        // Its environment contains what the session put there; nothing else may be visible to other processes.
        let others = planted
            .all()
            .into_iter()
            .filter(|canary| canary.label() != planted.environment.label());
        leakscan::assert_no_leaks(&LeakScan::new(others).process(serving.pid()));
        self.assert_sent();
        let rotated = self.new_key(&["key", "rotate", "stdin"]);
        assert_eq!(serving.ask(&rotated, &message("rotated")).status(), 200);
        assert_eq!(serving.ask(&keys[0].1, &message("old")).status(), 401);
        let _ended = serving.end();
    }

    /// Fails the test unless every secret was sent where it belongs, and nowhere else. Otherwise a clean scan would prove little.
    fn assert_sent(&self) {
        let planted = &self.planted;
        let bearer = format!("Bearer {}", planted.bearer.value());
        let echoed = self.echo.requests();
        assert_eq!(echoed.len(), 2);
        for request in echoed {
            let sent = [("authorization".to_owned(), bearer.clone())];
            assert!(request.credentials() == sent, "another credential");
        }
        let expected = [
            &planted.stdin,
            &planted.prompt,
            &planted.environment,
            &planted.program,
            &planted.new,
        ];
        let expected: BTreeSet<_> = expected
            .map(|canary| canary.fingerprint().to_string())
            .into();
        let seen = self.sandbox.requests();
        let headers = seen["data"].as_array().unwrap().iter();
        let headers = headers.flat_map(|request| request["headers"].as_array().unwrap());
        let sent: BTreeSet<_> = headers
            .filter_map(|header| header[1]["fingerprint"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(sent, expected);
    }

    /// Sends requests that are refused, some with the client's own credential in addition to the key.
    fn send_invalid_requests(&mut self, serving: &Serving, key: &str) {
        let (address, body) = (serving.address(), message("hello").to_string());
        let (client, wrong) = (self.planted.client.clone(), self.planted.wrong_key.clone());
        let bearer = format!("Bearer {}", client.value());
        let twice: [(&str, &str); 2] = [("x-api-key", key), ("authorization", &bearer)];
        let requests = [
            ("two credentials", "POST /v1/messages", &twice[..]),
            (
                "an unknown key",
                "POST /v1/messages",
                &[("x-api-key", wrong.value())],
            ),
            (
                "no virtual key",
                "POST /v1/messages",
                &[("x-api-key", client.value())],
            ),
            ("no key", "POST /v1/messages", &[]),
            ("an unknown path", "GET /v1/nothing", &[("x-api-key", key)]),
            ("the status page", "GET /", &[]),
            ("the models", "GET /v1/models", &[("x-api-key", key)]),
            ("health", "GET /healthz", &[]),
        ];
        for (what, line, headers) in requests {
            let headers = [headers, &[("connection", "close")]].concat();
            let body = if line.starts_with("POST") {
                body.as_bytes()
            } else {
                b""
            };
            let request = wire::request(address, line, &headers, body);
            self.record_response(what.to_owned(), wire::send_raw(address, &request));
        }
    }

    /// Runs the commands that clients run.
    fn use_client_commands(&mut self) {
        self.new_key(&["helper", "--profile", "stdin"]);
        self.new_key(&["helper", "--key", "prompt"]);
        for arguments in [
            &["serve", "--install"][..],
            &["serve", "--uninstall"],
            &["profile", "link", "office"],
            &["profile", "unlink", "office"],
        ] {
            assert_exit(self.run(arguments), 0);
        }
        for arguments in [
            &["helper", "--profile", "missing"][..],
            &["helper", "--json"],
        ] {
            assert_ne!(self.run(arguments).code, 0, "{arguments:?}");
        }
    }

    fn serve_sandbox(&mut self) {
        let serving = Serving::new(self.case.home.start(&mut (self.start)(&SERVE_SANDBOX)));
        let key = serving.key();
        let response = serving.ask(&key, &streamed("hello"));
        assert_eq!(response.status(), 200, "{}", response.text());
        self.record
            .keys
            .push(Canary::generated("sandbox-key", &key));
        assert_exit(self.run(&SERVE), 7);
        let _ended = serving.end();
    }

    fn report(&self) {
        for arguments in [
            &["usage"][..],
            &["usage", "--by", "profile", "--json"],
            &["usage", "--by", "model", "--csv"],
            &["requests"],
            &["requests", "--attempts"],
            &["requests", "--json"],
            &["requests", "--attempts", "--json"],
            &["key", "list"],
            &["key", "show", "bearer", "--json"],
            &["connect", "curl", "--key", "stdin"],
            &["connect", "claude-code", "--key", "stdin", "--json"],
        ] {
            assert_exit(self.run(arguments), 0);
        }
    }

    fn back_up_and_restore(&self) {
        let file = self.case.home.path().join("backup").display().to_string();
        let passphrase = self.planted.passphrase.value();
        assert_exit(
            self.feed(&["store", "backup", &file, "--stdin"], passphrase),
            0,
        );
        let restore = ["store", "restore", &file, "--stdin"];
        let restore_into_new_home = |input: &str| {
            let mut command = (self.start)(&restore);
            command.env("KEYREEVE_HOME", self.case.home.path().join("restored"));
            self.case
                .home
                .run_with_input(&mut command, input.as_bytes())
        };
        assert_exit(restore_into_new_home(self.planted.client.value()), 1);
        assert_exit(restore_into_new_home(passphrase), 0);
        assert_exit(self.feed(&restore, passphrase), 1);
    }

    fn clean_up(&self) {
        assert_exit(self.run(&["key", "revoke", "bearer"]), 0);
        assert_exit(self.run(&["profile", "remove", "office"]), 0);
    }

    /// Runs a command that prints a new key, and records the key.
    fn new_key(&mut self, arguments: &[&str]) -> String {
        let shown = self.run(arguments).expect_code(0);
        let key = shown.stdout.trim().to_owned();
        let sink = format!("key-{}", self.record.keys.len());
        self.record.keys.push(Canary::generated(&sink, &key));
        key
    }

    fn record_response(&mut self, what: String, response: Vec<u8>) {
        assert!(response.starts_with(b"HTTP/1.1 "), "{what}: no response");
        self.record.responses.push((what, response));
    }

    fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.case.home.run(&mut (self.start)(arguments))
    }

    fn feed(&self, arguments: &[&str], input: &str) -> ProcessOutput {
        let mut command = (self.start)(arguments);
        self.case
            .home
            .run_with_input(&mut command, input.as_bytes())
    }
}

/// Returns the arguments that add a profile for the sandbox.
fn add<'b>(sandbox: &'b str, name: &'b str, secret: &[&'b str]) -> Vec<&'b str> {
    let simulated = ["--insecure-loopback", "--simulated", "--origin", sandbox];
    [&["profile", "add", name], &simulated[..], secret].concat()
}

fn rotate_office() -> [&'static str; 4] {
    ["profile", "rotate", "office", "--stdin"]
}

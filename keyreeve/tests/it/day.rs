//! All that a person does with keyreeve in a day, with a secret of its own planted on each way in.
//!
//! Invariant: how a command is started is the caller's, so that the same day can be watched in several ways; what the
//! day saw (answers, keys it was shown) is handed back.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::Output;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::terminal::Typed;
use keyreeve_testkit::upstream::{Scripted, reply};
use keyreeve_testkit::wire;
use serde_json::json;
use tempfile::TempDir;

use crate::case::{Case, ends};
use crate::serving::{SERVE, SERVE_SANDBOX, Serving, message, request, streamed};

/// The variable that a profile refers to.
pub(crate) const VARIABLE: &str = "DAY_KEY";

/// Starts `keyreeve` with these arguments.
type Start<'a> = &'a dyn Fn(&[&str]) -> Command;

/// One secret for each way in.
pub(crate) struct Planted {
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

/// What a day left behind.
pub(crate) struct Seen {
    /// Everything the gateway answered, byte for byte, and to what.
    pub(crate) answers: Vec<(String, Vec<u8>)>,
    /// The virtual keys that were shown, each once, on standard output.
    pub(crate) keys: Vec<Canary>,
}

/// A day.
pub(crate) struct Day<'a> {
    case: &'a Case,
    start: Start<'a>,
    planted: Planted,
    sandbox: Sandbox,
    echo: Scripted,
    outside: TempDir,
    seen: Seen,
}

impl Planted {
    /// Makes them; `test` keeps the secrets of one test from those of another.
    pub(crate) fn new(test: &str) -> Self {
        let key = |way: &str| Canary::api_key(&format!("{test}-{way}"));
        // Its middle, by which it is known, names the test.
        let made = |way: &str| Canary::made(way, &format!("{way}-{test}-{test}-{test}-{way}"));
        Self {
            stdin: key("stdin"),
            prompt: key("prompt"),
            environment: key("variable"),
            program: key("program"),
            bearer: made("bearer-token"),
            old: key("old"),
            new: key("new"),
            inspected: key("inspected"),
            client: key("client"),
            wrong_key: Canary::wrong_virtual_key(&format!("{test}-wrong")),
            passphrase: made("passphrase"),
        }
    }

    /// All of them.
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

impl<'a> Day<'a> {
    /// Prepares a day and plants its secrets: none may be found in the home when the case ends.
    pub(crate) fn new(case: &'a Case, start: Start<'a>, planted: Planted) -> Self {
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
            echo: Scripted::start(|request| reply::echo(400, request)),
            outside,
            seen: Seen {
                answers: Vec::new(),
                keys: Vec::new(),
            },
        }
    }

    /// Lives it.
    pub(crate) fn live(mut self) -> Seen {
        ends(self.run(&["store", "init"]), 0);
        self.add_profiles();
        self.look_after_profiles();
        let keys = ["stdin", "prompt", "variable", "program", "bearer", "office"]
            .map(|profile| (profile, self.shown(&["key", "add", profile, "-p", profile])));
        self.serve(&keys);
        self.serve_sandbox();
        self.look_back();
        self.save_and_restore();
        self.clear_up();
        self.seen
    }

    fn add_profiles(&self) {
        let (sandbox, echo) = (self.sandbox.base_url(), self.echo.base_url());
        let planted = &self.planted;
        ends(
            self.feed(&add(&sandbox, "stdin", &["--stdin"]), planted.stdin.value()),
            0,
        );
        let keys = format!("{}\r", planted.prompt.value());
        let typed = Typed {
            prompt: "Secret",
            keys: keys.as_bytes(),
        };
        let mut command = (self.start)(&add(&sandbox, "prompt", &[]));
        ends(self.case.home.run_at_terminal(&mut command, &[typed]), 0);
        let mut command = (self.start)(&add(&sandbox, "variable", &["--env", VARIABLE]));
        command.env(VARIABLE, planted.environment.value());
        ends(self.case.home.run(&mut command), 0);
        let file = self.outside.path().join("secret").display().to_string();
        ends(
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
        ends(self.feed(&arguments, planted.bearer.value()), 0);
        ends(
            self.feed(&add(&sandbox, "old", &["--stdin"]), planted.old.value()),
            0,
        );
    }

    fn look_after_profiles(&self) {
        let rotate = ["profile", "rotate", "old", "--stdin"];
        ends(self.feed(&rotate, self.planted.new.value()), 0);
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
            ends(self.run(arguments), 0);
        }
        for format in [&["inspect", "-"][..], &["inspect", "-", "--json"]] {
            ends(self.feed(format, self.planted.inspected.value()), 0);
        }
        let (start, end) = self.planted.inspected.value().split_at(50);
        let junk = format!("{start} {end}");
        let wrong = ["profile", "add", "wrong", "--stdin"];
        for arguments in [&["inspect", "-"][..], &wrong, &rotate_office()] {
            ends(self.feed(arguments, &junk), 4);
        }
        for arguments in [
            &["status"][..],
            &["status", "--json", "--for", "sdk-python"],
        ] {
            let mut command = (self.start)(arguments);
            command.env("ANTHROPIC_API_KEY", self.planted.environment.value());
            ends(self.case.home.run(&mut command), 0);
        }
    }

    fn serve(&mut self, keys: &[(&str, String)]) {
        let mut command = (self.start)(&SERVE);
        command.env(VARIABLE, self.planted.environment.value());
        let serving = Serving::of(self.case.home.start(&mut command));
        self.hand_out();
        let failing = json!([{"error": "overloaded"}, {"cut_after_bytes": 400}]);
        self.sandbox.script(&self.planted.new, &failing);
        for (profile, key) in keys {
            for body in [message("hello"), streamed("hello")] {
                let request = request(serving.address(), key, &body);
                let what = format!("the answer to {profile}");
                self.answered(what, wire::send(serving.address(), &request));
            }
        }
        self.ask_wrongly(&serving, &keys[0].1);
        let planted = &self.planted;
        // Its own environment holds what the day put there; nothing else may be seen from outside.
        let others = planted
            .all()
            .into_iter()
            .filter(|canary| canary.sink() != planted.environment.sink());
        leakscan::assert_none(&LeakScan::of(others).process(serving.pid()));
        self.assert_sent();
        let rotated = self.shown(&["key", "rotate", "stdin"]);
        assert_eq!(serving.ask(&rotated, &message("rotated")).status(), 200);
        assert_eq!(serving.ask(&keys[0].1, &message("old")).status(), 401);
        let _ended = serving.end();
    }

    /// Every secret went where it belongs, and nowhere else: without this, that none was found would say little.
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

    /// Requests that end in refusals, with a client's own credential beside the key.
    fn ask_wrongly(&mut self, serving: &Serving, key: &str) {
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
            (
                "nothing that is served",
                "GET /v1/nothing",
                &[("x-api-key", key)],
            ),
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
            self.answered(what.to_owned(), wire::send(address, &request));
        }
    }

    /// What clients ask for themselves.
    fn hand_out(&mut self) {
        self.shown(&["helper", "--profile", "stdin"]);
        self.shown(&["helper", "--key", "prompt"]);
        for arguments in [
            &["serve", "--install"][..],
            &["serve", "--uninstall"],
            &["profile", "link", "office"],
            &["profile", "unlink", "office"],
        ] {
            ends(self.run(arguments), 0);
        }
        for arguments in [
            &["helper", "--profile", "nobody"][..],
            &["helper", "--json"],
        ] {
            assert_ne!(self.run(arguments).code, 0, "{arguments:?}");
        }
    }

    fn serve_sandbox(&mut self) {
        let serving = Serving::of(self.case.home.start(&mut (self.start)(&SERVE_SANDBOX)));
        let key = serving.key();
        let answer = serving.ask(&key, &streamed("hello"));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        self.seen.keys.push(Canary::made("sandbox-key", &key));
        ends(self.run(&SERVE), 7);
        let _ended = serving.end();
    }

    fn look_back(&self) {
        for arguments in [
            &["usage"][..],
            &["usage", "--by", "profile", "--json"],
            &["usage", "--by", "model", "--csv"],
            &["attempts"],
            &["attempts", "--json"],
            &["key", "list"],
            &["key", "show", "bearer", "--json"],
            &["connect", "curl", "--key", "stdin"],
            &["connect", "claude-code", "--key", "stdin", "--json"],
        ] {
            ends(self.run(arguments), 0);
        }
    }

    fn save_and_restore(&self) {
        let file = self.case.home.path().join("backup").display().to_string();
        let passphrase = self.planted.passphrase.value();
        ends(
            self.feed(&["store", "backup", &file, "--stdin"], passphrase),
            0,
        );
        let restore = ["store", "restore", &file, "--stdin"];
        let elsewhere = |input: &str| {
            let mut command = (self.start)(&restore);
            command.env("KEYREEVE_HOME", self.case.home.path().join("restored"));
            self.case
                .home
                .run_with_input(&mut command, input.as_bytes())
        };
        ends(elsewhere(self.planted.client.value()), 1);
        ends(elsewhere(passphrase), 0);
        ends(self.feed(&restore, passphrase), 1);
    }

    fn clear_up(&self) {
        ends(self.run(&["key", "revoke", "bearer"]), 0);
        ends(self.run(&["profile", "remove", "office"]), 0);
    }

    /// Runs a command that shows a new key, and remembers the key.
    fn shown(&mut self, arguments: &[&str]) -> String {
        let shown = self.run(arguments).expect_code(0);
        let key = shown.stdout.trim().to_owned();
        let sink = format!("key-{}", self.seen.keys.len());
        self.seen.keys.push(Canary::made(&sink, &key));
        key
    }

    fn answered(&mut self, what: String, answer: Vec<u8>) {
        assert!(answer.starts_with(b"HTTP/1.1 "), "{what}: no answer");
        self.seen.answers.push((what, answer));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.case.home.run(&mut (self.start)(arguments))
    }

    fn feed(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = (self.start)(arguments);
        self.case
            .home
            .run_with_input(&mut command, input.as_bytes())
    }
}

/// The arguments that make a profile for the sandbox.
fn add<'b>(sandbox: &'b str, name: &'b str, secret: &[&'b str]) -> Vec<&'b str> {
    let simulated = ["--insecure-loopback", "--simulated", "--origin", sandbox];
    [&["profile", "add", name], &simulated[..], secret].concat()
}

fn rotate_office() -> [&'static str; 4] {
    ["profile", "rotate", "office", "--stdin"]
}

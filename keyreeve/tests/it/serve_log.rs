//! F-21: the log of `serve` delays no request and no shutdown, whatever happens to its output.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use keyreeve_testkit::pipe::full_pipe;
use keyreeve_testkit::process::Process;
use keyreeve_testkit::upstream::{ReceivedRequest, Scripted, Step, responses};
use keyreeve_testkit::wire;
use serde_json::Value;

use crate::case::Case;
use crate::check::add_profile;
use crate::serving::{SERVE, SERVE_SANDBOX, Serving, message};

/// Requests whose log lines fill a pipe and the queue several times.
const MANY_REQUESTS: usize = 10_000;

/// Connections that send them.
const CONNECTIONS: usize = 4;

/// Maximum time of a shutdown without running responses; with them, the drain timeout is 30 seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts a gateway with the simulated API, and standard error in a pipe.
fn serve(case: &Case, more: &[&str]) -> (Serving, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let mut command = case.command(&SERVE_SANDBOX);
    let running = case.home.start_with_stderr(command.args(more), writer);
    (Serving::new(running), reader)
}

/// Sends requests that are refused, each with a line in the log, as fast as the gateway responds.
fn send_many(address: SocketAddr) {
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| send_pipelined(address, MANY_REQUESTS / CONNECTIONS));
        }
    });
}

/// Sends requests on one connection without waiting for each response.
fn send_pipelined(address: SocketAddr, count: usize) {
    let key = ["krv_", &"A".repeat(8), "_", &"B".repeat(32), "_CCCCCC"].concat();
    let request = wire::request(address, "GET /v1/models", &[("x-api-key", &key)], b"");
    let last = [("x-api-key", key.as_str()), ("connection", "close")];
    let last = wire::request(address, "GET /v1/models", &last, b"");
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut responses = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let all = [request.repeat(count - 1), last].concat();
            writer.write_all(&all).unwrap();
        });
        stream.read_to_end(&mut responses).unwrap();
    });
    let refused = String::from_utf8_lossy(&responses)
        .matches("HTTP/1.1 401")
        .count();
    assert_eq!(refused, count);
}

/// Fails the test unless the gateway responds to `/healthz` within a second.
#[track_caller]
fn assert_healthy(address: SocketAddr) {
    let started = Instant::now();
    let request = wire::request(address, "GET /healthz", &[("connection", "close")], b"");
    assert_eq!(wire::send_request(address, &request).status(), 200);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Reads a log to its end and returns its lines.
fn lines(log: PipeReader) -> Vec<String> {
    let lines: Result<_, _> = BufReader::new(log).lines().collect();
    lines.unwrap()
}

/// Returns the number of refused requests in a log, and the number of lines that it reports as lost.
fn count(lines: &[String]) -> (usize, usize) {
    let refused = lines.iter().filter(|line| line.contains("request failed"));
    let lost = lines.iter().filter_map(|line| {
        let (_, count) = line
            .split_once("log lines lost: ")?
            .1
            .split_once(" lost=")?;
        Some(count.parse::<usize>().unwrap())
    });
    (refused.count(), lost.sum())
}

/// F-21: with a log that is not read, thousands of requests, `/healthz` and SIGTERM are served as ever.
#[test]
fn unread_log_stops_nothing() {
    let case = Case::new();
    let (serving, log) = serve(&case, &[]);
    send_many(serving.address());
    assert_healthy(serving.address());
    let response = serving.ask(&serving.key(), &message("hello"));
    assert_eq!(response.status(), 200, "{}", response.text());
    let started = Instant::now();
    let _ended = serving.end();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    // What is in the pipe are the first lines, each but the last one whole.
    let mut lines = lines(log);
    let _torn = lines.pop();
    assert!(lines.len() > 100, "{}", lines.len());
    for line in lines {
        assert!(
            line.contains("Z  INFO ") || line.contains("hint: "),
            "{line}"
        );
    }
}

/// F-21: once a log is read again, it reports how many lines were lost, and none is lost from then on.
#[test]
fn lost_lines_are_counted_in_the_log() {
    let case = Case::new();
    let (serving, log) = serve(&case, &[]);
    send_many(serving.address());
    let reader = std::thread::spawn(move || lines(log));
    std::thread::sleep(Duration::from_millis(200));
    let later = 100;
    send_pipelined(serving.address(), later);
    let _ended = serving.end();
    let lines = reader.join().unwrap();
    let (refused, lost) = count(&lines);
    assert!(lost > 0, "no line was lost: nothing was tried");
    assert_eq!(refused + lost, MANY_REQUESTS + later);
    let report = lines.iter().position(|line| line.contains(" lost="));
    let (_, after) = count(&lines[report.unwrap() + 1..]);
    assert_eq!(after, 0, "lost after the reader was back");
}

/// F-21: lost lines are reported at the end, to a reader that comes back only then.
#[test]
fn lost_lines_are_reported_at_the_end() {
    let case = Case::new();
    let (serving, log) = serve(&case, &[]);
    send_many(serving.address());
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        lines(log)
    });
    let _ended = serving.end();
    let (refused, lost) = count(&reader.join().unwrap());
    assert!(lost > 0, "no line was lost: nothing was tried");
    assert_eq!(refused + lost, MANY_REQUESTS);
}

/// F-21: with full pipes as standard output and standard error, `serve` starts, serves and ends.
#[test]
fn full_output_stops_nothing() {
    let case = Case::new();
    let ((_stdout, to_stdout), (_stderr, to_stderr)) = (full_pipe(), full_pipe());
    let mut command = case.command(&SERVE);
    let running = case
        .home
        .spawn_uncaptured(&mut command, to_stdout, to_stderr);
    let address = address(&case, &running);
    send_pipelined(address, 100);
    assert_healthy(address);
    running.terminate();
    let started = Instant::now();
    let _ended = running.wait(SHUTDOWN_TIMEOUT).expect_code(0);
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// F-21: a second signal ends `serve` with its error even if that is not read.
#[test]
fn error_at_the_end_does_not_wait_for_a_reader() {
    let case = Case::new();
    let ((_stdout, to_stdout), (_stderr, to_stderr)) = (full_pipe(), full_pipe());
    let mut command = case.command(&SERVE);
    let running = case
        .home
        .spawn_uncaptured(&mut command, to_stdout, to_stderr);
    let address = address(&case, &running);
    // A connection without a request delays the drain.
    let _waiting = TcpStream::connect(address).unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"POST /v1/messages HTTP/1.1\r\n").unwrap();
    assert_healthy(address);
    running.terminate();
    std::thread::sleep(Duration::from_millis(100));
    running.terminate();
    let _ended = running.wait(SHUTDOWN_TIMEOUT).expect_code(130);
}

/// F-21: the thread that prints the notice ends `serve` if standard output is closed, and its runtime file is removed.
#[test]
fn closed_standard_output_ends_serve() {
    let case = Case::new();
    let ((closed, to_stdout), (_stderr, to_stderr)) = (pipe().unwrap(), pipe().unwrap());
    drop(closed);
    let mut command = case.command(&SERVE);
    let running = case
        .home
        .spawn_uncaptured(&mut command, to_stdout, to_stderr);
    let _ended = running.wait(SHUTDOWN_TIMEOUT).expect_code(0);
    assert!(!case.home.keyreeve_home().join("state/serve.json").exists());
}

/// Returns the address of a gateway whose output cannot be read.
fn address(case: &Case, running: &Process) -> SocketAddr {
    let file = case.home.keyreeve_home().join("state/serve.json");
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    loop {
        let content = std::fs::read(&file).unwrap_or_default();
        if let Ok(runtime) = serde_json::from_slice::<Value>(&content) {
            let address = runtime["address"].as_str().unwrap();
            return address.trim_start_matches("http://").parse().unwrap();
        }
        assert!(Instant::now() < deadline, "process {}", running.pid());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// F-21: with `--log-format json`, or its variable or setting, every line on standard error is one object.
#[test]
fn json_log_has_one_object_a_line() {
    for (flag, variable, file) in [
        (&["--log-format", "json"][..], "text", "text"),
        (&[], "json", "text"),
        (&[], "", "json"),
    ] {
        let case = Case::new();
        let config = case.home.keyreeve_home().join("config");
        let set = ["config", "path"];
        let _path = case.run(&set).expect_code(0);
        private_file(&config, &format!("[log]\nformat = '{file}'\n"));
        let mut command = case.command(&SERVE_SANDBOX);
        command.args(flag).env("KEYREEVE_LOG_FORMAT", variable);
        let serving = Serving::new(case.home.start(&mut command));
        let response = serving.ask(&serving.key(), &message("hello"));
        assert_eq!(response.status(), 200);
        send_pipelined(serving.address(), 1);
        let log = serving.end().stderr;
        let objects: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        let find = |message: &str| {
            let found = objects.iter().find(|object| object["message"] == message);
            found.unwrap_or_else(|| panic!("no {message}: {log}"))
        };
        let attempt = find("attempt");
        assert_eq!(attempt["level"], "INFO");
        assert_eq!(attempt["target"], "keyreeve_broker::ledger_entry");
        assert_eq!(attempt["status"], 200);
        assert_eq!(attempt["profile"], "sandbox");
        let time: jiff::Timestamp = attempt["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(time.as_second() > 0);
        assert_eq!(find("request failed")["status"], 401);
        assert_eq!(
            find("stopping: running responses may finish")["cause"],
            "SIGTERM or SIGINT"
        );
    }
}

/// Writes a configuration that only its owner can read, into directories that only their owner can enter.
fn private_file(directory: &std::path::Path, text: &str) {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .unwrap();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(directory.join("config.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// F-21: an error that ends `serve` is one object, too, with its cause and its fix.
#[test]
fn error_in_a_json_log_is_an_object() {
    let case = Case::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = holder.local_addr().unwrap().to_string();
    let arguments = ["serve", "--log-format", "json", "--listen", &listen];
    let refused = case.run(&arguments).expect_code(1);
    let error: Value = serde_json::from_str(refused.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["level"], "ERROR");
    assert!(
        error["message"].as_str().unwrap().contains("in use"),
        "{error}"
    );
    assert!(error["timestamp"].is_string(), "{error}");
    let invalid = case.run(&["serve", "--log-format", "xml"]).expect_code(2);
    let text = "`--log-format` must be text or json, not `xml`";
    assert!(invalid.stderr.contains(text), "{}", invalid.stderr);
}

/// Text with a line break, escape codes of a terminal, a C1 control, a bidirectional override and a false field.
const HOSTILE: &str = "a\nb 2026-01-01T00:00:00Z INFO owned status=200\u{1b}]8;;http://x\u{7}\u{1b}]52;c;aGk=\u{7}\u{9b}2J\u{202e}<script>\" \\";

/// BI-08, PR-01: with all logging on, text of an upstream and of a client adds no line and no control character to the
/// log, in either format, and an echoed secret is not in it; the home is scanned for it.
#[test]
fn text_from_outside_is_inert_in_the_log() {
    for format in ["text", "json"] {
        let case = Case::new();
        let upstream = Scripted::start(hostile_response);
        add_profile(&case, "work", &upstream.base_url(), &[]);
        let added = case.run(&["key", "add", "app", "--profile", "work"]);
        let key = added.expect_code(0).stdout.trim().to_owned();
        let limit = [
            "key",
            "add",
            "limited",
            "--profile",
            "work",
            "--model",
            "claude-*",
        ];
        let limited = case.run(&limit).expect_code(0).stdout.trim().to_owned();
        let mut command = case.command(&SERVE);
        command
            .args(["--log-format", format])
            .envs(crate::leak_scan::ALL_LOGGING);
        let serving = Serving::new(case.home.start(&mut command));
        for status in [200, 400, 529, 429, 401] {
            let mut body = message(HOSTILE);
            body["metadata"] = serde_json::json!({"user_id": status.to_string()});
            let _response = serving.ask(&key, &body);
            body["model"] = HOSTILE.into();
            let _response = serving.ask(&key, &body);
        }
        let mut body = message("hello");
        body["model"] = HOSTILE.into();
        assert_eq!(serving.ask(&limited, &body).status(), 403);
        let _response = serving.ask("b status=200 \"owned", &message("hello"));
        let count = upstream.requests().len();
        assert!(count >= 4, "{count}");
        let log = serving.end().stderr;
        assert_inert(format, &log);
        assert!(!log.contains(&key), "a virtual key is in the log");
        // The one text from outside: the model in the cause of the refusal.
        assert_eq!(log.matches("owned").count(), 1, "{log}");
    }
}

/// Responds with the status that the request names, with hostile text and an echo of the credential everywhere.
fn hostile_response(received: &ReceivedRequest) -> Vec<Step> {
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let status: u16 = body["metadata"]["user_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let echoed = received.credentials().remove(0).1;
    let text = format!("{HOSTILE} {echoed}");
    let error = serde_json::json!({"type": text, "message": text});
    let body =
        serde_json::json!({"type": "error", "error": error, "model": text, "request_id": text});
    let headers = [
        ("content-type", "application/json"),
        ("request-id", "req_\u{e9} status=200 \"owned"),
        ("retry-after", "a=b owned"),
    ];
    responses::with_headers(status, &headers, body.to_string().as_bytes())
}

/// Fails the test unless each line is a line of ours without control characters.
fn assert_inert(format: &str, log: &str) {
    let live = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!log.contains(live), "{log:?}");
    assert!(log.lines().count() >= 10, "{log}");
    for line in log.lines() {
        if format == "json" {
            let object: Value = serde_json::from_str(line).unwrap();
            assert!(
                object["target"].as_str().unwrap().starts_with("keyreeve"),
                "{line}"
            );
        } else {
            let is_ours = line.contains("Z ") && line.contains(" keyreeve");
            assert!(is_ours || line.starts_with("hint: "), "{line}");
            assert!(!line.starts_with("b 2026-01-01"), "{line}");
        }
    }
}

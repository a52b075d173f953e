//! `cargo xtask bench account`: system calls and thread switches of the gateway per request.
//!
//! A bounded number of requests is sent one after the other on one connection. Switches are counted without `strace`,
//! which causes some itself, and calls with it; CPU time is not measured here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::command::command;
use crate::environment::{self, Scratch};
use crate::output;
use crate::programs::{Server, build, ensure_success, release_keyreeve, run_with_input};

/// Number of requests of each pass.
const REQUESTS: u32 = 2000;
/// Number of requests before the first pass.
const WARM_UP: u32 = 200;
/// Calls and switches rarer than this per request are left out.
const MIN_PER_REQUEST: f64 = 0.01;
/// Maximum time until `strace` has attached.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The response of the upstream to every request.
const RESPONSE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":2}}"#;

/// Counts both for the release build and prints them.
pub(crate) fn run(root: &Path) -> Result<()> {
    ensure!(
        environment::find_program("strace").is_some(),
        "strace is not installed; run: apt-get install strace"
    );
    build(root, &["--release"])?;
    let scratch = Scratch::new(&environment::target_dir(root), "bench-account")?;
    let binary = release_keyreeve(root);
    let upstream = start_upstream()?;
    let key = add_profile_and_key(&scratch, &binary, upstream)?;
    let mut serve = command(&scratch, &binary)?;
    serve.args(["serve", "--json", "--listen", "127.0.0.1:0"]);
    let (gateway, ready) = Server::start(serve.stderr(Stdio::null()))?;
    let ready: Value = serde_json::from_str(&ready).context("serve printed no JSON")?;
    let address = ready["address"].as_str().context("no address")?;
    let mut client = Client::connect(address.trim_start_matches("http://"), &key)?;
    client.send(WARM_UP)?;

    let before = switches(gateway.id())?;
    client.send(REQUESTS)?;
    let after = switches(gateway.id())?;
    output::print_line(format_args!(
        "{REQUESTS} requests one after the other; per request, from {MIN_PER_REQUEST}"
    ));
    print_table(
        "voluntary switches of the thread",
        &difference(&before, &after),
    );

    let summary = scratch.folder("strace")?.join("summary");
    let tracer = Tracer::attach(gateway.id(), &summary)?;
    client.send(REQUESTS)?;
    tracer.detach()?;
    let text = fs::read_to_string(&summary).context("strace wrote no summary")?;
    print_table("system calls", &parse_summary(&text));
    Ok(())
}

fn print_table(title: &str, counts: &BTreeMap<String, u64>) {
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    let per_request = |count: u64| count as f64 / f64::from(REQUESTS);
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let total = rows.iter().map(|(_, count)| **count).sum();
    output::print_line(format_args!("{title}: {:.2}", per_request(total)));
    for (name, count) in rows {
        if per_request(*count) >= MIN_PER_REQUEST {
            output::print_line(format_args!("  {name:<20} {:>6.2}", per_request(*count)));
        }
    }
}

/// Adds a profile for the upstream and a key for it; returns the key.
fn add_profile_and_key(scratch: &Scratch, binary: &Path, upstream: u16) -> Result<String> {
    let origin = format!("http://127.0.0.1:{upstream}");
    let mut add = command(scratch, binary)?;
    add.args(["profile", "add", "upstream", "--stdin"]);
    add.args(["--insecure-loopback", "--origin", &origin]);
    let output = run_with_input(&mut add, b"made-up-bearer-token\n")?;
    ensure_success("keyreeve profile add", &output)?;
    let output = command(scratch, binary)?
        .args(["key", "add", "load", "--profile", "upstream", "--json"])
        .output()?;
    let created: Value =
        serde_json::from_slice(&output.stdout).context("keyreeve key add printed no JSON")?;
    let key = created["key"].as_str();
    Ok(key.context("keyreeve key add printed no key")?.to_owned())
}

/// Starts an upstream in this process, which ends with it; returns its port.
fn start_upstream() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || respond(&stream));
        }
    });
    Ok(port)
}

/// Responds to every request of a connection.
fn respond(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let length = RESPONSE.len();
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{RESPONSE}"
    );
    while read_message(&mut reader)?.is_some() {
        (&*stream).write_all(response.as_bytes())?;
    }
    Ok(())
}

/// Reads a message with a `content-length`. Returns its first line, or `None` at the end of the connection.
fn read_message(reader: &mut impl BufRead) -> Result<Option<String>> {
    let (mut first, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
        first.get_or_insert(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(first)
}

/// A client with one connection.
struct Client {
    reader: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Client {
    fn connect(address: &str, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let body = serde_json::json!({
            "model": "claude-haiku-4-5", "max_tokens": 16,
            "messages": [{ "role": "user", "content": "x".repeat(900) }],
        })
        .to_string();
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
             anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Self {
            reader: BufReader::new(stream),
            request: request.into_bytes(),
        })
    }

    fn send(&mut self, requests: u32) -> Result<()> {
        for _ in 0..requests {
            self.reader.get_mut().write_all(&self.request)?;
            let status = read_message(&mut self.reader)?.context("the gateway hung up")?;
            ensure!(status.starts_with("HTTP/1.1 200"), "{status}");
        }
        Ok(())
    }
}

/// Returns how often the threads of each name waited for something, so that the next one had to be woken.
fn switches(pid: u32) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path();
        let status = fs::read_to_string(path.join("status"))?;
        let name = field(&status, "Name:").unwrap_or_default();
        let count = field(&status, "voluntary_ctxt_switches:").and_then(|count| count.parse().ok());
        *counts.entry(name.to_owned()).or_default() += count.unwrap_or(0);
    }
    Ok(counts)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim())
}

fn difference(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let earlier = |name: &String| before.get(name).copied().unwrap_or_default();
    let counts = after.iter();
    counts
        .map(|(name, count)| (name.clone(), count.saturating_sub(earlier(name))))
        .collect()
}

/// A running `strace` that counts the calls of a process.
struct Tracer(Child);

impl Tracer {
    fn attach(pid: u32, summary: &Path) -> Result<Self> {
        let tracer = Command::new("strace")
            .args(["-f", "-c", "-q", "-o"])
            .arg(summary)
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot run strace")?;
        let mut tracer = Self(tracer);
        let mut waited = Duration::ZERO;
        while !is_traced(pid)? {
            let ended = tracer.0.try_wait()?.is_some();
            ensure!(
                !ended && waited < ATTACH_TIMEOUT,
                "strace cannot attach: only root can trace a hardened process"
            );
            thread::sleep(POLL_INTERVAL);
            waited += POLL_INTERVAL;
        }
        Ok(tracer)
    }

    /// Lets it detach and write its summary.
    fn detach(mut self) -> Result<()> {
        let pid = self.0.id().to_string();
        let output = Command::new("kill").args(["-INT", &pid]).output()?;
        ensure_success("kill", &output)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// Returns `true` if every thread of a process is traced.
fn is_traced(pid: u32) -> Result<bool> {
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        if field(&status, "TracerPid:") == Some("0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Parses the table of `strace -c`: the fourth column has the number of calls, the last one the name.
fn parse_summary(text: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let (calls, name) = (columns.get(3)?.parse().ok()?, columns.last()?);
        (*name != "total").then(|| ((*name).to_owned(), calls))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{difference, field, parse_summary, read_message};

    #[test]
    fn calls_are_read_from_the_summary_of_strace() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n \
                    60.00    0.012000           6      2000           epoll_wait\n \
                    40.00    0.008000           2      4001       501 recvfrom\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.020000                  6001       501 total\n";
        let expected = [("epoll_wait", 2000), ("recvfrom", 4001)];
        let expected = expected.map(|(name, calls)| (name.to_owned(), calls));
        assert_eq!(parse_summary(text), expected.into());
    }

    #[test]
    fn switches_are_counted_from_the_first_reading() {
        let counts = |a, b| [("a".to_owned(), a), ("b".to_owned(), b)].into();
        assert_eq!(difference(&counts(1, 5), &counts(4, 5)), counts(3, 0));
        let status = "Name:\tworker\nnonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some("9"));
        assert_eq!(field(status, "Name:"), Some("worker"));
    }

    #[test]
    fn messages_are_read_one_after_the_other() {
        let mut bytes =
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokPOST / HTTP/1.1\r\n\r\n"[..];
        let mut read = || read_message(&mut bytes).unwrap();
        assert_eq!(read().as_deref(), Some("HTTP/1.1 200 OK\r\n"));
        assert_eq!(read().as_deref(), Some("POST / HTTP/1.1\r\n"));
        assert_eq!(read(), None);
    }
}

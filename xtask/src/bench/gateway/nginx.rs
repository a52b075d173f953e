//! nginx processes: the upstream of every proxy, and the proxy that keyreeve is compared with.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::super::process;
use super::pinned::pinned;
use super::{CONNECTIONS, CREDENTIAL};

/// A running nginx; stopped on drop.
pub(super) struct Nginx(Child);

/// Files, port and core of an nginx.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Directory for its files.
    pub(super) folder: &'a Path,
    /// Name of its files.
    pub(super) name: &'a str,
    pub(super) port: u16,
    pub(super) core: &'a str,
}

/// The upstream that an nginx forwards to.
#[derive(Clone, Copy)]
pub(super) struct ForwardTo<'a> {
    pub(super) port: u16,
    /// PEM file of its certificate authority, if it is reached with TLS.
    pub(super) ca_file: Option<&'a Path>,
    pub(super) buffering: Buffering,
}

/// Handling of a response: collected, or passed on as it comes.
#[derive(Clone, Copy)]
pub(super) enum Buffering {
    /// Its default, for responses of fixed size.
    On,
    /// For event streams.
    Off,
}

const RESPONSE: &str = r#"{"id":"msg_made_up","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":300,"output_tokens":4}}"#;

/// A connection is kept for all of a run.
const KEEP: &str = "keepalive_requests 1000000000; keepalive_timeout 1h;";

/// Larger than every body: by default, one of 200 KB goes through a file and costs 3.7 times as much CPU. Passing it on
/// as it comes would not do, because the upstream responds before it has read it, and nginx then closes the connection.
const BODIES: &str = "client_max_body_size 8m; client_body_buffer_size 1m;";

/// Keeps large buffers in nginx's heap, instead of mapping one for each body: 10% less CPU at 200 KB.
const HEAP: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "8388608"),
    ("MALLOC_TRIM_THRESHOLD_", "268435456"),
];

impl Nginx {
    /// Starts an upstream that sends the same response to every request with the credential, and 401 to others. The
    /// limits that it states change with each request, as the API's do.
    pub(super) fn upstream(place: Place<'_>, tls: Option<&Path>) -> Result<Self> {
        let tls = tls.map_or_else(String::new, |folder| {
            let folder = folder.display();
            format!("ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;")
        });
        let listen = if tls.is_empty() { "" } else { " ssl" };
        let limits: String = ["requests", "tokens", "input-tokens", "output-tokens"]
            .map(|name| {
                format!(
                    "add_header anthropic-ratelimit-{name}-limit 4000000; \
                     add_header anthropic-ratelimit-{name}-remaining $remaining; \
                     add_header anthropic-ratelimit-{name}-reset 2099-01-01T00:00:00Z;\n"
                )
            })
            .concat();
        let server = format!(
            "map $http_authorization $is_allowed {{ default 0; \"Bearer {CREDENTIAL}\" 1; }}\n\
             map \"$msec$connection_requests\" $remaining {{ \"~\\.(\\d\\d\\d)\\d*(\\d)$\" 399$1$2; }}\n\
             server {{ listen 127.0.0.1:{}{listen}; {tls} {KEEP} {BODIES}\n\
             location / {{ if ($is_allowed = 0) {{ return 401; }}\n\
             {limits} add_header request-id req_$request_id; add_header anthropic-organization-id org_made_up;\n\
             default_type application/json; return 200 '{RESPONSE}'; }} }}",
            place.port
        );
        Self::start(place, &server)
    }

    /// Starts a proxy that checks the client's key, swaps it for the credential and forwards the request over a
    /// kept-alive connection.
    pub(super) fn proxy(place: Place<'_>, key: &str, to: ForwardTo<'_>) -> Result<Self> {
        let (scheme, tls) = match to.ca_file {
            None => ("http", String::new()),
            Some(file) => (
                "https",
                format!(
                    "proxy_ssl_trusted_certificate {}; proxy_ssl_verify on; proxy_ssl_name localhost;",
                    file.display()
                ),
            ),
        };
        let buffering = match to.buffering {
            Buffering::On => "on",
            Buffering::Off => "off",
        };
        let server = format!(
            "map $http_x_api_key $is_known {{ default 0; \"{key}\" 1; }}\n\
             upstream api {{ server 127.0.0.1:{}; keepalive {CONNECTIONS}; {KEEP} }}\n\
             server {{ listen 127.0.0.1:{}; {KEEP} {BODIES}\n\
             location / {{ if ($is_known = 0) {{ return 401; }}\n\
             proxy_pass {scheme}://api; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_set_header x-api-key \"\"; proxy_set_header authorization \"Bearer {CREDENTIAL}\";\n\
             proxy_buffering {buffering}; {tls} }} }}",
            to.port, place.port
        );
        Self::start(place, &server)
    }

    /// Returns the worker process; the master process only supervises it.
    pub(super) fn worker(&self) -> Result<Vec<u32>> {
        process::children(self.0.id())
    }

    fn start(place: Place<'_>, server: &str) -> Result<Self> {
        let Place { folder, name, .. } = place;
        let file = folder.join(format!("{name}.conf"));
        let directory = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {directory}/{name}-{kind}; "))
            .concat();
        fs::write(
            &file,
            format!(
                "daemon off; worker_processes 1; pid {directory}/{name}.pid; error_log stderr crit;\n\
                 events {{ worker_connections 2048; }}\n\
                 http {{ map_hash_bucket_size 256; access_log off; {temporary}\n{server}\n}}\n"
            ),
        )?;
        let child = pinned(place.core, "nginx")
            .arg("-c")
            .arg(&file)
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .envs(HEAP)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start nginx")?;
        let nginx = Self(child);
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", place.port)).is_ok() {
                return Ok(nginx);
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("nginx does not listen on port {}", place.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGKILL would stop the master only and leave the worker running.
        let signaled = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status();
        if signaled.is_ok() {
            let _already_reaped = self.0.wait();
        }
    }
}

//! nginx processes: the upstream of both proxies, and the proxy that keyreeve is compared with.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A running nginx; stopped on drop.
pub(super) struct Nginx(Child);

const RESPONSE: &str = r#"{"id":"msg_made_up","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":300,"output_tokens":4}}"#;

impl Nginx {
    /// Starts an upstream that sends the same response to every request.
    pub(super) fn upstream(folder: &Path, port: u16) -> Result<Self> {
        let server = format!(
            "server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000; \
             location / {{ default_type application/json; return 200 '{RESPONSE}'; }} }}"
        );
        Self::start(folder, "upstream", &server, (port, 1))
    }

    /// Starts a proxy that forwards every request over kept-alive connections.
    pub(super) fn proxy(folder: &Path, port: u16, upstream: u16) -> Result<Self> {
        let server = format!(
            "upstream api {{ server 127.0.0.1:{upstream}; keepalive {}; keepalive_requests 1000000000; }}\n\
             server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000; location / {{ proxy_pass http://api; \
             proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}",
            super::CONNECTIONS
        );
        Self::start(folder, "proxy", &server, (port, 0))
    }

    /// Returns the worker process; the master process only supervises it.
    pub(super) fn worker(&self) -> Result<Vec<u32>> {
        super::process::children(self.0.id())
    }

    fn start(folder: &Path, name: &str, server: &str, (port, core): (u16, u32)) -> Result<Self> {
        let file = folder.join(format!("{name}.conf"));
        let directory = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {directory}/{name}-{kind}; "))
            .concat();
        fs::write(
            &file,
            format!(
                "daemon off; worker_processes 1; pid {directory}/{name}.pid; error_log stderr crit;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{ access_log off; {temporary}\n{server}\n}}\n"
            ),
        )?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), "nginx", "-c"])
            .arg(&file)
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start nginx")?;
        let nginx = Self(child);
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(nginx);
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("nginx does not listen on port {port}")
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

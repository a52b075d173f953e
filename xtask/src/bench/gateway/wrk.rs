//! Saturating load from `wrk`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::pinned::pinned;
use super::proxy::Proxy;
use super::{CONNECTIONS, LOAD_CORE};
use crate::programs::ensure_success;

/// Counts of `wrk`.
#[derive(Debug, PartialEq)]
pub(super) struct Counts {
    pub(super) requests: f64,
    pub(super) seconds: f64,
    pub(super) errors: f64,
}

/// Puts a proxy under load with bodies of this size.
pub(super) fn load(proxy: &Proxy, script: &Path, seconds: u32) -> Result<Counts> {
    let output = pinned(LOAD_CORE, "wrk")
        .args(["-t1", "-s"])
        .arg(script)
        .args([format!("-c{CONNECTIONS}"), format!("-d{seconds}s")])
        .arg(format!("http://127.0.0.1:{}/v1/messages", proxy.port))
        .output()
        .context("cannot run wrk")?;
    ensure_success("wrk", &output)?;
    let output = String::from_utf8_lossy(&output.stdout);
    parse_summary(&output).context("cannot parse the output of wrk")
}

/// Writes the script of a proxy's load and returns its path.
pub(super) fn write_script(folder: &Path, proxy: &Proxy, body_bytes: usize) -> Result<PathBuf> {
    let frame = serde_json::json!({
        "model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{ "role": "user", "content": "" }],
    })
    .to_string();
    let filler = "x".repeat(body_bytes.saturating_sub(frame.len()));
    let body = frame.replace("\"content\":\"\"", &format!("\"content\":\"{filler}\""));
    let path = folder.join(format!("load-{}-{body_bytes}.lua", proxy.port));
    let lua = format!(
        "wrk.method = \"POST\"\nwrk.body = '{body}'\nwrk.headers[\"x-api-key\"] = \"{}\"\n\
         wrk.headers[\"content-type\"] = \"application/json\"\nwrk.headers[\"anthropic-version\"] = \"2023-06-01\"\n\
         function done(s, l, r)\n  io.write(string.format(\"summary %d %d %d\\n\", s.requests, s.duration, \
         s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout))\nend\n",
        proxy.key
    );
    fs::write(&path, lua).context("cannot write the load script")?;
    Ok(path)
}

/// Parses the number of requests, microseconds and errors from the line that the script prints.
fn parse_summary(output: &str) -> Option<Counts> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("summary "))?;
    let mut numbers = line.split(' ').map(str::parse::<f64>);
    let mut next = || numbers.next()?.ok();
    Some(Counts {
        requests: next()?,
        seconds: next()? / 1e6,
        errors: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Counts, parse_summary};

    #[test]
    fn summary_line_is_parsed() {
        let counts = Counts {
            requests: 10.0,
            seconds: 2.0,
            errors: 0.0,
        };
        assert_eq!(
            parse_summary("Running\nsummary 10 2000000 0\n"),
            Some(counts)
        );
        assert_eq!(parse_summary("Running\n"), None);
    }
}

//! Load from `wrk` on its own core, and measurement of the proxy under it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::process::cpu_micros;
use super::{BODY_BYTES, CONNECTIONS, LOAD_SECONDS};
use crate::programs::ensure_success;

/// A proxy to put under load.
pub(super) struct Target {
    pub(super) url: String,
    pub(super) key: String,
    /// All processes of the proxy, whose CPU time is counted.
    pub(super) processes: Vec<u32>,
    /// Directory for the load script.
    pub(super) folder: PathBuf,
}

/// Result of one load run.
pub(super) struct Measurement {
    pub(super) name: &'static str,
    pub(super) per_second: f64,
    pub(super) cpu_micros: f64,
    pub(super) errors: u64,
}

/// Puts a target under load for [`LOAD_SECONDS`], after one second of warm-up.
pub(super) fn measure(name: &'static str, target: &Target) -> Result<Measurement> {
    let script = write_script(target)?;
    wrk(target, &script, 1)?;
    let before = cpu(target)?;
    let output = wrk(target, &script, LOAD_SECONDS)?;
    let cpu_used = cpu(target)? - before;
    let (requests, micros, errors) =
        parse_summary(&output).context("cannot parse the output of wrk")?;
    ensure!(requests > 0, "{name} sent no response");
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    let (requests, seconds, cpu_used) = (requests as f64, micros as f64 / 1e6, cpu_used as f64);
    Ok(Measurement {
        name,
        per_second: requests / seconds,
        cpu_micros: cpu_used / requests,
        errors,
    })
}

fn cpu(target: &Target) -> Result<u64> {
    target.processes.iter().map(|pid| cpu_micros(*pid)).sum()
}

fn wrk(target: &Target, script: &Path, seconds: u32) -> Result<String> {
    let output = Command::new("taskset")
        .args([
            "-c",
            "1",
            "wrk",
            "-t1",
            &format!("-c{CONNECTIONS}"),
            &format!("-d{seconds}s"),
        ])
        .arg("-s")
        .arg(script)
        .arg(&target.url)
        .output()
        .context("cannot run wrk")?;
    ensure_success("wrk", &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn write_script(target: &Target) -> Result<PathBuf> {
    let frame = serde_json::json!({
        "model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{ "role": "user", "content": "" }],
    })
    .to_string();
    let filler = "x".repeat(BODY_BYTES.saturating_sub(frame.len()));
    let body = frame.replace("\"content\":\"\"", &format!("\"content\":\"{filler}\""));
    let path = target.folder.join("load.lua");
    let lua = format!(
        "wrk.method = \"POST\"\nwrk.body = '{body}'\nwrk.headers[\"x-api-key\"] = \"{}\"\n\
         wrk.headers[\"content-type\"] = \"application/json\"\nwrk.headers[\"anthropic-version\"] = \"2023-06-01\"\n\
         function done(s, l, r)\n  io.write(string.format(\"summary %d %d %d\\n\", s.requests, s.duration, \
         s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout))\nend\n",
        target.key
    );
    fs::write(&path, lua).context("cannot write the load script")?;
    Ok(path)
}

/// Parses the number of requests, microseconds and errors from the line that the script prints.
fn parse_summary(output: &str) -> Option<(u64, u64, u64)> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("summary "))?;
    let mut numbers = line.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::parse_summary;

    #[test]
    fn summary_line_is_parsed() {
        assert_eq!(
            parse_summary("Running\nsummary 10 2000000 0\n"),
            Some((10, 2_000_000, 0))
        );
        assert_eq!(parse_summary("Running\n"), None);
    }
}

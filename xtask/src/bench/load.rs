//! The load: `wrk` on its own core, and what it made the proxy do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::process::cpu_micros;
use super::{BODY, CONNECTIONS, SECONDS};

/// Where to send what, and whose CPU to count.
pub(super) struct Target {
    pub(super) url: String,
    pub(super) key: String,
    /// Every process of the proxy.
    pub(super) processes: Vec<u32>,
    /// Where the script for the load can be put.
    pub(super) folder: PathBuf,
}

/// What came of it.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) per_second: f64,
    pub(super) cpu_micros: f64,
    pub(super) errors: u64,
}

/// Loads a target for the measured time, after a second of warming up.
pub(super) fn measure(name: &'static str, target: &Target) -> Result<Measured> {
    let script = script(target)?;
    wrk(target, &script, 1)?;
    let before = cpu(target)?;
    let printed = wrk(target, &script, SECONDS)?;
    let spent = cpu(target)? - before;
    let (requests, micros, errors) = figures(&printed).context("read what wrk printed")?;
    ensure!(requests > 0, "{name} answered nothing");
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    let (requests, seconds, spent) = (requests as f64, micros as f64 / 1e6, spent as f64);
    Ok(Measured {
        name,
        per_second: requests / seconds,
        cpu_micros: spent / requests,
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
        .context("run wrk")?;
    ensure!(
        output.status.success(),
        "wrk failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn script(target: &Target) -> Result<PathBuf> {
    let frame = serde_json::json!({
        "model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{ "role": "user", "content": "" }],
    })
    .to_string();
    let filler = "x".repeat(BODY.saturating_sub(frame.len()));
    let body = frame.replace("\"content\":\"\"", &format!("\"content\":\"{filler}\""));
    let path = target.folder.join("load.lua");
    let lua = format!(
        "wrk.method = \"POST\"\nwrk.body = '{body}'\nwrk.headers[\"x-api-key\"] = \"{}\"\n\
         wrk.headers[\"content-type\"] = \"application/json\"\nwrk.headers[\"anthropic-version\"] = \"2023-06-01\"\n\
         function done(s, l, r)\n  io.write(string.format(\"figures %d %d %d\\n\", s.requests, s.duration, \
         s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout))\nend\n",
        target.key
    );
    fs::write(&path, lua).context("write the load's script")?;
    Ok(path)
}

/// Requests, microseconds and errors, from the line that the script prints.
fn figures(printed: &str) -> Option<(u64, u64, u64)> {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("figures "))?;
    let mut numbers = line.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn the_scripts_line_is_read() {
        assert_eq!(
            figures("Running\nfigures 10 2000000 0\n"),
            Some((10, 2_000_000, 0))
        );
        assert_eq!(figures("Running\n"), None);
    }
}

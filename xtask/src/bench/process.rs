//! CPU time and memory of a process, from `/proc`. Linux only.

use std::fs;

use anyhow::{Context as _, Result};

/// One clock tick of `/proc/PID/stat` in microseconds: `USER_HZ` is 100 on every common Linux.
const TICK_MICROS: u64 = 10_000;

/// Returns the user and system time of a process so far, in microseconds.
pub(super) fn cpu_micros(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("cannot read the CPU time of process {pid}"))?;
    // The name, in parentheses, may contain spaces; the fields after it do not.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<_> = after.split_whitespace().collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    let (user, system) = (ticks(11), ticks(12));
    Ok(user
        .zip(system)
        .map(|(user, system)| user + system)
        .context("cannot parse the CPU time")?
        * TICK_MICROS)
}

/// Returns the resident memory of a process in MiB.
pub(super) fn resident_mib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("cannot parse the memory use")? / 1024)
}

/// Returns the children of a process.
pub(super) fn children(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let list = fs::read_to_string(path).context("cannot list the children of a process")?;
    Ok(list
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect())
}

//! CPU time and memory of a process, from `/proc`. Linux only.

use std::fs;

use anyhow::{Context as _, Result};

/// Returns the CPU time of all threads of a process so far, in microseconds: the scheduler's count in nanoseconds, not
/// the ticks of `/proc/PID/stat`.
pub(super) fn cpu_micros(pid: u32) -> Result<f64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("cannot list the threads of process {pid}"))?;
    let mut micros = 0.0;
    for task in tasks {
        // A thread may end between the two reads.
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        micros += nanos_on_cpu(&text).unwrap_or_default() / 1e3;
    }
    Ok(micros)
}

fn nanos_on_cpu(schedstat: &str) -> Option<f64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// A measure of memory in `/proc/PID/status`.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    /// Resident now.
    Resident,
    /// The most that was resident so far.
    Peak,
}

/// Returns the memory of a process in MiB.
pub(super) fn memory_mib(pid: u32, memory: Memory) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = kib_of(&status, memory).context("cannot parse the memory use")?;
    Ok(kib / 1024.0)
}

fn kib_of(status: &str, memory: Memory) -> Option<f64> {
    let name = match memory {
        Memory::Resident => "VmRSS:",
        Memory::Peak => "VmHWM:",
    };
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::{Memory, cpu_micros, kib_of, nanos_on_cpu};

    #[test]
    fn first_field_of_schedstat_is_time_on_cpu() {
        assert_eq!(nanos_on_cpu("1500 20 3\n"), Some(1500.0));
        assert_eq!(nanos_on_cpu(""), None);
        assert!(cpu_micros(std::process::id()).unwrap() > 0.0);
    }

    #[test]
    fn memory_now_and_at_most_are_told_apart() {
        let status = "VmPeak:\t 9 kB\nVmHWM:\t 30 kB\nVmRSS:\t 20 kB\n";
        assert_eq!(kib_of(status, Memory::Resident), Some(20.0));
        assert_eq!(kib_of(status, Memory::Peak), Some(30.0));
        assert_eq!(kib_of("", Memory::Peak), None);
    }
}

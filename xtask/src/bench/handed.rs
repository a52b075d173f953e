//! How long `keyreeve helper` takes from nothing to its line, alone and with many at once, beside `true`.
//!
//! Starting two hundred of any program at once takes a machine a while: that is what the ratio is for.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::commands::timed;
use super::stage::command;
use crate::scratch::Scratch;
use crate::{environment, say};

/// How many ask at once.
const AT_ONCE: usize = 200;
/// How often that is done.
const ROUNDS: usize = 5;
/// How often one asks alone.
const ALONE: usize = 200;

/// A gateway in a home of its own, with the simulated API behind it; it ends with this value.
struct Gateway {
    binary: PathBuf,
    serve: Child,
    /// Last, so that it goes when nobody writes in it any more.
    scratch: Scratch,
}

/// Times both. The release build is there already.
pub(super) fn run(root: &Path) -> Result<()> {
    let stage = &Gateway::start(root)?;
    // The first one in ten minutes makes the key; it is not what is measured.
    timed(&mut helper(stage)?, b"")?;
    for (name, make) in [
        (
            "true",
            &(|| Ok(Command::new("true"))) as &dyn Fn() -> Result<Command>,
        ),
        ("keyreeve helper", &|| helper(stage)),
    ] {
        let alone = alone(make)?;
        let together = at_once(make)?;
        say::line(format_args!(
            "{name:<18} alone: p50 {:.1} ms, p99 {:.1} ms; {AT_ONCE} at once: p50 {:.1} ms, p99 {:.1} ms",
            percentile(&alone, 50),
            percentile(&alone, 99),
            percentile(&together, 50),
            percentile(&together, 99),
        ));
    }
    Ok(())
}

impl Gateway {
    fn start(root: &Path) -> Result<Self> {
        let target = environment::target(root);
        let scratch = Scratch::new(&target, "bench-helpers")?;
        let binary = target.join("release/keyreeve");
        let mut serve = command(&scratch, &binary)?
            .args(["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start keyreeve serve")?;
        let mut line = String::new();
        let stdout = serve.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(!line.is_empty(), "keyreeve serve ended before it was ready");
        Ok(Self {
            binary,
            serve,
            scratch,
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended_already = self.serve.kill();
        let _waited_already = self.serve.wait();
    }
}

fn helper(stage: &Gateway) -> Result<Command> {
    let mut command = command(&stage.scratch, &stage.binary)?;
    command.args(["helper", "--profile", "sandbox"]);
    Ok(command)
}

fn alone(make: &dyn Fn() -> Result<Command>) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(ALONE);
    for _ in 0..ALONE {
        times.push(timed(&mut make()?, b"")?);
    }
    times.sort_unstable();
    Ok(times)
}

/// Each is started by a thread of its own, all let go together.
fn at_once(make: &dyn Fn() -> Result<Command>) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(ROUNDS * AT_ONCE);
    for _ in 0..ROUNDS {
        let mut commands = (0..AT_ONCE).map(|_| make()).collect::<Result<Vec<_>>>()?;
        let start = Barrier::new(AT_ONCE);
        thread::scope(|scope| {
            let asking: Vec<_> = commands
                .iter_mut()
                .map(|command| {
                    scope.spawn(|| {
                        start.wait();
                        timed(command, b"")
                    })
                })
                .collect();
            for asked in asking {
                let asked = asked
                    .join()
                    .map_err(|_| anyhow::anyhow!("a starter panicked"))?;
                times.push(asked?);
            }
            anyhow::Ok(())
        })?;
    }
    times.sort_unstable();
    Ok(times)
}

/// In milliseconds, of sorted times.
pub(super) fn percentile(times: &[Duration], percent: usize) -> f64 {
    let last = times.len().saturating_sub(1);
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times
        .get(at.min(last))
        .map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert!((percentile(&times, 50) - 100.0).abs() < 1e-9);
        assert!((percentile(&times, 99) - 198.0).abs() < 1e-9);
        assert!((percentile(&times[..1], 99) - 1.0).abs() < 1e-9);
    }
}

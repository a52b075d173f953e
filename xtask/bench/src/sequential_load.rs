//! Load with one request at a time on each connection: as fast as responses come, or at a fixed rate.
//!
//! At a fixed rate a time runs from the instant at which a request was due, so that a slow response also counts for the
//! requests that it delayed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde_json::json;

use crate::arguments::Arguments;
use crate::http1::{Connection, messages_request};
use crate::print_line;
use crate::timings::Timings;

/// When the requests of one connection are due.
#[derive(Clone, Copy)]
struct Schedule {
    first: Instant,
    end: Instant,
    /// Zero: the next request follows the response.
    interval: Duration,
}

/// Sends requests to `--port` with `--key` over `--connections` for `--seconds`, `--rate` a second in all (0: as fast
/// as responses come), and prints counts and times.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let port: u16 = arguments.parsed("port")?;
    let connections: u32 = arguments.parsed("connections")?;
    let rate: u32 = arguments.parsed("rate")?;
    let seconds: u64 = arguments.parsed("seconds")?;
    ensure!(connections > 0, "--connections cannot be 0");
    let request = messages_request(
        port,
        arguments.required("key")?,
        arguments.parsed("body-bytes")?,
    );
    let start = Instant::now() + Duration::from_millis(20);
    let gap = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
    let results = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|index| {
                let schedule = Schedule {
                    first: start + gap * index,
                    end: start + Duration::from_secs(seconds),
                    interval: gap * connections,
                };
                let request = &request;
                scope.spawn(move || send(port, request, schedule))
            })
            .collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.collect::<Vec<_>>()
    });
    let (mut timings, mut errors) = (Timings::default(), 0);
    for result in results {
        let (times, failed) = result.map_err(|_| anyhow!("a thread panicked"))?;
        timings.extend(times);
        errors += failed;
    }
    let result = json!({
        "requests": timings.count(),
        "errors": errors,
        "seconds": seconds,
        "p50_micros": timings.percentile_micros(50),
        "p99_micros": timings.percentile_micros(99),
    });
    print_line(&result.to_string());
    Ok(())
}

fn send(port: u16, request: &[u8], schedule: Schedule) -> (Timings, u32) {
    let (mut timings, mut errors) = (Timings::default(), 0);
    let mut connection = None;
    let mut due = schedule.first;
    loop {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if Instant::now().max(due) >= schedule.end {
            return (timings, errors);
        }
        let started = if schedule.interval.is_zero() {
            Instant::now()
        } else {
            due
        };
        if exchange(&mut connection, port, request).is_ok() {
            timings.push(started.elapsed());
        } else {
            errors += 1;
            connection = None;
        }
        due += schedule.interval;
    }
}

fn exchange(connection: &mut Option<Connection>, port: u16, request: &[u8]) -> Result<()> {
    match connection {
        Some(open) => open.exchange(request),
        None => connection.insert(Connection::open(port)?).exchange(request),
    }
}

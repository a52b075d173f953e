//! Event streams: 500 at once, each with an event every 20 ms, and the memory that they take.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::super::process::Memory;
use super::bodies::SETTLE;
use super::in_turn::in_turn;
use super::nginx::Buffering;
use super::pinned::pinned;
use super::proxy::{Proxy, Upstream, free_port};
use super::table::{Column, Sample};
use super::{Bench, LOAD_CORE};
use crate::programs::Server;

const STREAMS: u32 = 500;
/// Text events of a stream, which lasts 5 seconds.
const EVENTS: u32 = 250;
const INTERVAL_MILLIS: u32 = 20;
/// An event is late if it arrives when the next one is due.
const LATE_MILLIS: u32 = INTERVAL_MILLIS;
const ROUNDS: usize = 3;

const COLUMNS: &[Column] = &[
    Column::median("CPU us/event", 1).compared(),
    Column::sum("lost"),
    Column::sum("late"),
    Column::sum("unfinished"),
    Column::median("delay p50 us", 0),
    Column::median("delay p99 us", 0).compared(),
    Column::median("idle MiB", 1),
    Column::largest("peak MiB", 1),
];

/// Prints the table of streams. Each round has new processes, so that their memory is that of these streams.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let port = free_port()?;
    let _upstream = start_upstream(bench, port)?;
    let upstream = Upstream {
        port,
        ca_file: None,
        buffering: Buffering::Off,
    };
    let table = in_turn(COLUMNS, ROUNDS, &bench.kinds(), |kind, round| {
        let proxy = bench.start(*kind, &format!("streams-{round}"), upstream)?;
        measure(bench, &proxy)
    })?;
    table.print(&format!(
        "{STREAMS} streams at once, {EVENTS} events each, one every {INTERVAL_MILLIS} ms"
    ));
    Ok(())
}

fn start_upstream(bench: &Bench<'_>, port: u16) -> Result<Server> {
    let mut command = pinned(LOAD_CORE, &bench.programs);
    command.env_clear().arg("stream-upstream");
    command.args(["--port", &port.to_string()]);
    command.args(["--events", &EVENTS.to_string()]);
    command.args(["--interval-ms", &INTERVAL_MILLIS.to_string()]);
    Ok(Server::start(&mut command)?.0)
}

fn measure(bench: &Bench<'_>, proxy: &Proxy) -> Result<Sample> {
    // What a process does at its start is over by then.
    thread::sleep(Duration::from_secs(1));
    let idle = proxy.memory_mib(Memory::Resident)?;
    let before = proxy.cpu_micros()?;
    let result = bench.load(
        "stream-load",
        proxy,
        &[
            ("streams", STREAMS),
            ("events", EVENTS),
            ("late-ms", LATE_MILLIS),
        ],
    )?;
    thread::sleep(SETTLE);
    let cpu = proxy.cpu_micros()? - before;
    let events = result.number("events")?;
    ensure!(events > 0.0, "a proxy sent no event");
    Ok(vec![
        cpu / events,
        result.number("lost")?,
        result.number("late")?,
        result.number("unfinished")?,
        result.number("p50_micros")?,
        result.number("p99_micros")?,
        idle,
        proxy.memory_mib(Memory::Peak)?,
    ])
}

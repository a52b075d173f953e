//! Saturating load with bodies of two sizes.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::in_turn::in_turn;
use super::proxy::{Named, Proxy};
use super::table::{Column, Table};
use super::{Bench, CONNECTIONS, plain, wrk};

/// Sizes of the request bodies in bytes, with their names.
const BODIES: [(&str, usize); 2] = [("1 KB", ONE_KB), ("200 KB", 200 * 1024)];
pub(super) const ONE_KB: usize = 1024;

/// Time after the load in which the ledger's last rows are written.
pub(super) const SETTLE: Duration = Duration::from_millis(300);
/// Time without other load of the round that warms up.
const WARM_UP_SECONDS: u32 = 1;

const COLUMNS: &[Column] = &[
    Column::median("CPU us/request", 1).compared(),
    Column::median("requests/s", 0),
    Column::sum("errors"),
];

/// Prints a table for each size.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let proxies = bench.start_proxies("bodies", plain(port))?;
    for (name, bytes) in BODIES {
        let table = measure(bench, &proxies, bytes)?;
        table.print(&format!("Bodies of {name}, {CONNECTIONS} connections"));
    }
    Ok(())
}

/// Measures the proxies in turn.
pub(super) fn measure(bench: &Bench<'_>, proxies: &[Named<Proxy>], bytes: usize) -> Result<Table> {
    let folder = bench.scratch.folder("load")?;
    let mut scripts = BTreeMap::new();
    for (_, proxy) in proxies {
        scripts.insert(proxy.port, wrk::write_script(&folder, proxy, bytes)?);
    }
    in_turn(COLUMNS, bench.rounds(), proxies, |proxy, round| {
        let seconds = match round {
            0 => WARM_UP_SECONDS,
            _ => bench.seconds(),
        };
        let script = scripts.get(&proxy.port).context("no load script")?;
        let before = proxy.cpu_micros()?;
        let counts = wrk::load(proxy, script, seconds)?;
        thread::sleep(SETTLE);
        let cpu = proxy.cpu_micros()? - before;
        ensure!(counts.requests > 0.0, "a proxy sent no response");
        Ok(vec![
            cpu / counts.requests,
            counts.requests / counts.seconds,
            counts.errors,
        ])
    })
}

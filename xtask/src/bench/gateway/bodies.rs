//! Saturating load with bodies of two sizes.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::proxy::Proxy;
use super::table::{Column, Sample, Table};
use super::{Bench, CONNECTIONS, plain, wrk};

/// Sizes of the request bodies in bytes, with their names.
const BODIES: [(&str, usize); 2] = [("1 KB", 1024), ("200 KB", 200 * 1024)];

/// After the load: the ledger's last rows are written within this time.
pub(super) const SETTLE: Duration = Duration::from_millis(300);

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

/// Measures the proxies in turn, with a first round that is not counted.
pub(super) fn measure(bench: &Bench<'_>, proxies: &[Proxy], bytes: usize) -> Result<Table> {
    let (rounds, seconds) = if bench.options.quick { (3, 4) } else { (5, 6) };
    let folder = bench.scratch.folder("load")?;
    let scripts = proxies
        .iter()
        .map(|proxy| wrk::write_script(&folder, proxy, bytes))
        .collect::<Result<Vec<_>>>()?;
    let mut samples = vec![Vec::new(); proxies.len()];
    for round in 0..=rounds {
        for ((proxy, script), samples) in proxies.iter().zip(&scripts).zip(&mut samples) {
            let is_counted = round > 0;
            let sample = load(proxy, script, if is_counted { seconds } else { 1 })?;
            if is_counted {
                samples.push(sample);
            }
        }
    }
    let mut table = Table::new(COLUMNS);
    for (proxy, samples) in proxies.iter().zip(&samples) {
        table.add(&proxy.name, samples);
    }
    Ok(table)
}

fn load(proxy: &Proxy, script: &Path, seconds: u32) -> Result<Sample> {
    let before = proxy.cpu_micros()?;
    let counts = wrk::load(proxy, script, seconds)?;
    thread::sleep(SETTLE);
    let cpu = proxy.cpu_micros()? - before;
    ensure!(counts.requests > 0.0, "{} sent no response", proxy.name);
    Ok(vec![
        cpu / counts.requests,
        counts.requests / counts.seconds,
        counts.errors,
    ])
}

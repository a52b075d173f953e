//! Response times: one request at a time, and a fixed rate that leaves every proxy idle most of the time.

use std::thread;

use anyhow::Result;

use super::bodies::{ONE_KB, SETTLE};
use super::in_turn::in_turn;
use super::proxy::{Named, Proxy};
use super::table::{Column, Table};
use super::{Bench, plain};
use crate::output;

/// Requests per second at the fixed rate.
const RATE: u32 = 2000;
/// Connections at the fixed rate.
const RATE_CONNECTIONS: u32 = 16;

const COLUMNS: &[Column] = &[
    Column::median("p50 us", 0),
    Column::median("p99 us", 0),
    Column::median("CPU us/request", 1).compared(),
    Column::median("requests/s", 0),
    Column::sum("errors"),
];

/// Prints a table for one connection and one for the fixed rate.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let proxies = bench.start_proxies("latency", plain(port))?;
    let table = measure(bench, &proxies, (1, 0))?;
    table.print("One request at a time, 1 KB");
    print_added(&table);
    let table = measure(bench, &proxies, (RATE_CONNECTIONS, RATE))?;
    table.print(&format!("{RATE} requests/s, 1 KB"));
    Ok(())
}

fn measure(
    bench: &Bench<'_>,
    proxies: &[Named<Proxy>],
    (connections, rate): (u32, u32),
) -> Result<Table> {
    in_turn(COLUMNS, bench.rounds(), proxies, |proxy, round| {
        let seconds = if round == 0 { 1 } else { bench.seconds() };
        let before = proxy.cpu_micros()?;
        let result = bench.load(
            "sequential-load",
            proxy,
            &[
                ("connections", connections),
                ("rate", rate),
                ("seconds", seconds),
                ("body-bytes", u32::try_from(ONE_KB)?),
            ],
        )?;
        thread::sleep(SETTLE);
        let cpu = proxy.cpu_micros()? - before;
        let requests = result.number("requests")?;
        Ok(vec![
            result.number("p50_micros")?,
            result.number("p99_micros")?,
            cpu / requests,
            requests / f64::from(seconds),
            result.number("errors")?,
        ])
    })
}

/// Prints what keyreeve adds to the minimal proxy's median.
fn print_added(table: &Table) {
    let p50 = |index: usize| table.rows.get(index)?.values.first().copied();
    if let (Some(minimal), Some(keyreeve)) = (p50(1), p50(2)) {
        output::print_line(format_args!(
            "\nAdded to the minimal proxy's p50: {:.0} us",
            keyreeve - minimal
        ));
    }
}

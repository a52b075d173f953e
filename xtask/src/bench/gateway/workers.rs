//! Saturating load on `keyreeve serve` with one worker and with two, of which one shares its core with load and
//! upstream.

use anyhow::Result;

use super::bodies::{self, ONE_KB};
use super::proxy::start_nginx;
use super::{Bench, CONNECTIONS, LOAD_CORE, PROXY_CORE, plain};

/// Prints the table. A gateway has one worker for each core that it may use.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let home = |name| bench.create_home(name, &bench.keyreeve, plain(port));
    let (one, two) = (home("one-worker")?, home("two-workers")?);
    let nginx = start_nginx(&bench.scratch.folder("nginx")?, plain(port))?;
    let both = format!("{LOAD_CORE},{PROXY_CORE}");
    let proxies = [
        ("nginx".to_owned(), nginx),
        ("keyreeve, 1 worker".to_owned(), one.serve(PROXY_CORE)?),
        (
            "keyreeve, 2 workers on both cores".to_owned(),
            two.serve(&both)?,
        ),
    ];
    let table = bodies::measure(bench, &proxies, ONE_KB)?;
    table.print(&format!("Workers, 1 KB, {CONNECTIONS} connections"));
    Ok(())
}

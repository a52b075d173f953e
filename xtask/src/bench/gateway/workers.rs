//! Saturating load on `keyreeve serve` with one worker and with two; the second shares its core with load and upstream.

use anyhow::Result;

use super::bodies::{self, ONE_KB};
use super::proxy::start_nginx;
use super::{Bench, CONNECTIONS, LOAD_CORE, PROXY_CORE, plain};
use crate::output;

/// Prints the table, if the build under test has a choice of workers.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let home = |name| bench.create_home(name, &bench.keyreeve, plain(port));
    let (one, two) = (home("one-worker")?, home("two-workers")?);
    let help = one.command().args(["serve", "--help"]).output()?;
    if !String::from_utf8_lossy(&help.stdout).contains("--workers") {
        output::print_line("\nOne and two workers: this build has no `serve --workers`");
        return Ok(());
    }
    let nginx = start_nginx(&bench.scratch.folder("nginx")?, plain(port))?;
    let both = format!("{LOAD_CORE},{PROXY_CORE}");
    let proxies = [
        ("nginx".to_owned(), nginx),
        (
            "keyreeve, 1 worker".to_owned(),
            one.serve(PROXY_CORE, &["--workers", "1"])?,
        ),
        (
            "keyreeve, 2 workers on both cores".to_owned(),
            two.serve(&both, &["--workers", "2"])?,
        ),
    ];
    let table = bodies::measure(bench, &proxies, ONE_KB)?;
    table.print(&format!("Workers, 1 KB, {CONNECTIONS} connections"));
    Ok(())
}

//! Saturating load on a store of the size of a large team, next to a small one.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::bodies::{self, ONE_KB};
use super::proxy::{Home, start_nginx};
use super::{Bench, CONNECTIONS, PROXY_CORE, plain};
use crate::environment;

/// Prints the table.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let home = |name| bench.create_home(name, &bench.keyreeve, plain(port));
    let (small, large) = (home("small")?, home("large")?);
    fill(bench, &large)?;
    let nginx = start_nginx(&bench.scratch.folder("nginx")?, plain(port))?;
    let proxies = [
        ("nginx".to_owned(), nginx),
        ("keyreeve".to_owned(), small.serve(PROXY_CORE)?),
        ("keyreeve, large store".to_owned(), large.serve(PROXY_CORE)?),
    ];
    let table = bodies::measure(bench, &proxies, ONE_KB)?;
    table.print(&format!(
        "1,000 keys, 100 profiles, {} entries; 1 KB, {CONNECTIONS} connections",
        bench.options.entries
    ));
    Ok(())
}

/// Fills a store by a test of the store that is ignored otherwise.
fn fill(bench: &Bench<'_>, home: &Home) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--release"]);
    command.args(["--package", "keyreeve-store", "--test", "it", "--"]);
    command.args(["--exact", "filled::in_child_fill_a_store", "--ignored"]);
    environment::scrub(&mut command, &bench.scratch.folder("cargo-home")?);
    environment::offline_cargo(&mut command);
    let status = command
        .env("KEYREEVE_STORE_TEST_HOME", home.keyreeve_folder())
        .env(
            "KEYREEVE_STORE_TEST_ENTRIES",
            bench.options.entries.to_string(),
        )
        .current_dir(bench.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot run cargo test")?;
    ensure!(status.success(), "the store could not be filled");
    Ok(())
}

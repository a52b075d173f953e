//! Times from start to exit of commands that users and shells wait for, with `true` as the cost of any process; and
//! from the start of `serve` to its first response.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::super::command::time_command;
use super::in_turn::in_turn;
use super::proxy::{Home, Named, start_minimal};
use super::table::{Column, Table};
use super::{Bench, PROXY_CORE, plain};
use crate::http::post_status;

/// Runs of each command, and starts.
const RUNS: usize = 21;

const COMMAND_COLUMNS: &[Column] = &[Column::median("p50 ms", 2).compared()];
const START_COLUMNS: &[Column] = &[
    Column::median("p50 ms", 1),
    Column::largest("slowest ms", 1),
];

/// Prints both tables.
pub(super) fn run(bench: &Bench<'_>) -> Result<()> {
    let (_upstream, port) = bench.start_upstream(None)?;
    let home = bench.create_home("commands", &bench.keyreeve, plain(port))?;
    let serve = home.serve(PROXY_CORE)?;
    // The first helper creates a key that later ones are given again.
    time_command(
        &mut arguments(&home, &["helper", "--profile", "upstream"]),
        b"",
    )?;
    time_commands(&home)?.print_of("command", "From start to exit");
    drop(serve);
    let table = in_turn(
        START_COLUMNS,
        RUNS,
        &[
            ("minimal proxy".to_owned(), Started::Minimal),
            ("keyreeve, with a store".to_owned(), Started::Keyreeve),
        ],
        |started, _| {
            let millis = time_start(bench, &home, (*started, port))?;
            Ok(vec![millis, millis])
        },
    )?;
    table.print_of("server", "From the start to the first response");
    Ok(())
}

fn time_commands(home: &Home) -> Result<Table> {
    let key = format!("sk-ant-{}-{}AA\n", "api03", "x".repeat(93));
    let words = |name: &str| -> Named<(Vec<String>, &str)> {
        let words = name.split(' ').map(str::to_owned).collect();
        (format!("keyreeve {name}"), (words, ""))
    };
    let commands = [
        ("true".to_owned(), (Vec::new(), "")),
        words("status"),
        words("status --brief"),
        words("helper --profile upstream"),
        words("key list"),
        (
            "keyreeve inspect -".to_owned(),
            (vec!["inspect".to_owned(), "-".to_owned()], key.as_str()),
        ),
    ];
    in_turn(COMMAND_COLUMNS, RUNS, &commands, |(words, input), _| {
        let mut command = if words.is_empty() {
            Command::new("true")
        } else {
            home.command()
        };
        let time = time_command(command.args(words), input.as_bytes())?;
        Ok(vec![time.as_secs_f64() * 1e3])
    })
}

fn arguments(home: &Home, words: &[&str]) -> Command {
    let mut command = home.command();
    command.args(words);
    command
}

/// A server whose start is timed.
#[derive(Clone, Copy)]
enum Started {
    Minimal,
    Keyreeve,
}

/// Returns the milliseconds from the start of a server to its first response.
fn time_start(bench: &Bench<'_>, home: &Home, (started, port): (Started, u16)) -> Result<f64> {
    let programs: &Path = &bench.programs;
    let start = Instant::now();
    let proxy = match started {
        Started::Minimal => start_minimal(programs, plain(port))?,
        Started::Keyreeve => home.serve(PROXY_CORE)?,
    };
    let body = r#"{"model":"claude-haiku-5-5","max_tokens":16,"messages":[]}"#;
    let status = post_status((proxy.port, "/v1/messages"), &proxy.key, body)
        .context("no response after the start")?;
    let time = start.elapsed();
    ensure!(status == "200", "the first response is a {status}");
    Ok(time.as_secs_f64() * 1e3)
}

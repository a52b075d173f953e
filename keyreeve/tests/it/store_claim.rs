//! CO-01: one `serve` per store; a second one is refused at once, naming the process that holds it, and a killed one blocks nothing.

use std::time::{Duration, Instant};

use crate::case::Case;
use crate::figures::print_figure;
use crate::serving::{SERVE, Serving};

/// CO-01: a second `serve` on the same store is refused at once and names the first.
#[test]
fn second_serve_is_refused_at_once() {
    let case = Case::new();
    let first = Serving::start(&case);
    let started = Instant::now();
    let second = case.run(&SERVE).expect_code(7);
    let took = started.elapsed();
    print_figure(&format!("the second serve was refused in {took:?}"));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(second.stdout, "");
    let holder = format!("process {}", first.pid());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);

    first.kill();
    let _ended = Serving::start(&case).end();
}

/// CO-01: of several `serve` started at once, exactly one runs.
#[test]
fn one_of_many_concurrent_serves_wins() {
    let case = Case::new();
    let processes: Vec<_> = (0..4)
        .map(|_| case.home.spawn(&mut case.command(&SERVE)))
        .collect();
    // By now each process is ready or has ended; the winner is terminated.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until && !case.home.keyreeve_home().join("state/serve.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_secs(1));
    for process in &processes {
        process.terminate();
    }
    let mut codes: Vec<_> = processes
        .into_iter()
        .map(|process| process.wait(Duration::from_secs(10)).code)
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 7, 7, 7]);
}

//! CO-01: one `serve` a store; the second is told at once who holds it, and a killed one blocks nobody.

use std::time::{Duration, Instant};

use crate::case::Case;
use crate::figures::tell;
use crate::serving::{SERVE, Serving};

#[test]
fn co_01_two_daemons() {
    let case = Case::new();
    let first = Serving::start(&case);
    let started = Instant::now();
    let second = case.run(&SERVE).expect_code(7);
    let took = started.elapsed();
    tell(&format!("the second serve was refused in {took:?}"));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(second.stdout, "");
    let holder = format!("process {}", first.pid());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);

    first.kill();
    let _ended = Serving::start(&case).end();
}

#[test]
fn co_01_of_many_at_once_one_serves() {
    let case = Case::new();
    let rivals: Vec<_> = (0..4)
        .map(|_| case.home.spawn(&mut case.command(&SERVE)))
        .collect();
    // Each rival has either said that it is ready or ended by now; the winner is asked to end.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until && !case.home.keyreeve_home().join("state/serve.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_secs(1));
    for rival in &rivals {
        rival.terminate();
    }
    let mut codes: Vec<_> = rivals
        .into_iter()
        .map(|rival| rival.wait(Duration::from_secs(10)).code)
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 7, 7, 7]);
}

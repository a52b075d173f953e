//! PR-01: after a whole day, told as loudly as keyreeve can, no secret is anywhere but where it belongs.

use std::fs;
use std::path::Path;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, Hit, LeakScan};

use crate::case::{Case, ends};
use crate::day::{Day, Planted};
use crate::lying::Lying;
use crate::serving::{Serving, message};

/// Turns on all that could make a program say more than it should.
pub(crate) const LOUD: [(&str, &str); 3] = [
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("KEYREEVE_LOG", "trace"),
];

#[test]
fn pr_01_full_leak_scan() {
    let case = Case::new();
    let planted = Planted::new("pr01");
    let entered: Vec<_> = planted.all().into_iter().cloned().collect();
    let start = |arguments: &[&str]| {
        let mut command = case.command(arguments);
        command.envs(LOUD);
        command
    };
    let seen = Day::new(&case, &start, planted).live();
    for canary in &entered[..2] {
        ends(case.run(&["profile", "add", canary.value()]), 4);
    }

    let everything = LeakScan::of(entered.iter().chain(&seen.keys));
    for (what, answer) in &seen.answers {
        leakscan::assert_none(&everything.bytes(what, answer));
    }
    assert!(seen.answers.len() >= 20, "{}", seen.answers.len());
    // The home of the case is looked at for what was planted in it; the keys it showed belong in just one place each.
    case.home.assert_clean();
    assert!(seen.keys.len() >= 8, "{}", seen.keys.len());
    for key in &seen.keys {
        let hits = LeakScan::of([key]).path(case.home.path());
        let places: Vec<_> = hits.iter().map(ToString::to_string).collect();
        assert_eq!(hits.len(), 1, "{}", places.join("\n"));
        assert!(is_data(&hits[0]), "{}", places[0]);
    }
    assert_master_key_is_alone(&case);
}

/// The secret by which a running `serve` proves itself stands in its own file and nowhere else.
#[test]
fn pr_01_the_instance_secret_stays_in_its_file() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let file = case.home.keyreeve_home().join("state/serve.json");
    let content: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let secret = Canary::made("instance", content["instance_secret"].as_str().unwrap());
    let answer = serving.ask(&serving.key(), &message("hello"));
    ends(case.run(&["status"]), 0);
    let scan = LeakScan::of([&secret]);
    leakscan::assert_none(&scan.bytes("the answer", &answer.body));
    leakscan::assert_none(&scan.process(serving.pid()));
    let hits = scan.path(case.home.path());
    let places: Vec<_> = hits.iter().map(|hit| hit.place.as_str()).collect();
    assert_eq!(places, [file.to_str().unwrap()]);
    let _ended = serving.end();
    leakscan::assert_none(&scan.path(case.home.path()));
}

/// Every command that looks at a machine, moves in, asks an upstream or hands a credential on.
#[test]
fn pr_01_what_lies_on_a_machine_is_told_to_nobody() {
    let machine = Lying::new();
    assert!(machine.count() >= 12);
    for arguments in [
        &["status"][..],
        &["status", "--for", "sdk-python"],
        &["doctor"],
        &["doctor", "--run-helpers"],
        &["check", "leased", "refers", "vault", "own"],
        &["ask", "--profile", "vault", "hi"],
        &["ask", "--profile", "leased", "hi"],
        &["ask", "--profile", "refers", "hi"],
        &["exec", "--profile", "leased", "--", "tool"],
        &["exec", "--native", "--", "claude"],
        &["env", "--profile", "direct"],
        &["env", "--profile", "direct", "--reveal"],
        &["import", "clawdbot", "--dry-run"],
        &["import", "clawdbot"],
        &["import", "openclaw"],
        &["import", "claude-code"],
        &["import", "anthropic-profiles"],
        &["profile", "list"],
        &["attempts"],
        &["helper", "--profile", "leased"],
        &["credential", "--profile", "refers"],
    ] {
        machine.run_each_way(arguments, None);
        machine.assert_clean();
    }
    for secret in ["leased", "direct"] {
        machine.run_each_way(&["profile", "show", secret], None);
    }
    assert!(machine.was_sent(&machine.leased), "nothing was asked");
    assert_eq!(machine.seen_by("tool"), None, "a leased secret is for keys");
    let nothing = Some(String::new());
    assert_eq!(machine.seen_by("claude"), nothing, "it has its own login");
    assert_eq!(
        machine.seen_by("vault"),
        nothing,
        "it prints its own secret"
    );
}

#[test]
fn pr_01_a_direct_secret_is_where_it_was_asked_for_and_nowhere_else() {
    let machine = Lying::new();
    let exec = ["exec", "--profile", "direct", "--", "tool"];
    let _started = machine.run(&exec, None).expect_code(0);
    let given = format!("ANTHROPIC_API_KEY={}\n", machine.direct.value());
    assert!(
        machine.seen_by("tool") == Some(given),
        "another secret, or none"
    );

    let helper = machine.run(&["helper", "--profile", "direct"], Some(&machine.direct));
    let line = format!("{}\n", machine.direct.value());
    assert!(helper.expect_code(0).stdout == line, "another line");
    let credential = ["credential", "--json", "--profile", "direct"];
    ends(machine.run(&credential, Some(&machine.direct)), 0);
    machine.assert_clean();

    let serving = Serving::start(&machine.case);
    for arguments in [
        &["helper", "--profile", "leased"][..],
        &["credential", "--json", "--profile", "leased"],
        &["profile", "link", "leased"],
    ] {
        ends(machine.run(arguments, None), 0);
    }
    let linked = machine.case.home.user_home();
    let linked = linked.join(".config/anthropic/credentials/leased.json");
    let linked: serde_json::Value = serde_json::from_slice(&fs::read(linked).unwrap()).unwrap();
    let token = linked["access_token"].as_str().unwrap();
    assert!(token.starts_with("krv_"), "no virtual key");
    machine.assert_clean();
    ends(machine.run(&["profile", "unlink", "leased"], None), 0);
    let _ended = serving.end();
    machine.assert_clean();
}

/// Whether a key was found where it is shown: on the standard output of the command that made it.
fn is_data(hit: &Hit) -> bool {
    let file = Path::new(&hit.place);
    file.extension()
        .is_some_and(|extension| extension == "stdout")
        && file
            .parent()
            .is_some_and(|folder| folder.ends_with("printed"))
}

/// The master key is no text, so it is looked for as it is, and in hexadecimal.
fn assert_master_key_is_alone(case: &Case) {
    for folder in ["keyreeve", "restored"] {
        let own = case.home.path().join(folder).join("config/master.key");
        let bytes = fs::read(&own).unwrap();
        let key = bytes.strip_prefix(b"keyreeve master key 1\n").unwrap();
        assert_eq!(key.len(), 32);
        let written = Canary::made("master-key", &hex::encode(key));
        leakscan::assert_none(&LeakScan::of([&written]).path(case.home.path()));
        let part = &key[8..24];
        let mut found = Vec::new();
        find_bytes(case.home.path(), part, &mut found);
        found.sort();
        let restored = case.home.path().join("restored/config/master.key");
        let first = case.home.path().join("keyreeve/config/master.key");
        assert_eq!(found, [first, restored]);
    }
}

fn find_bytes(path: &Path, part: &[u8], found: &mut Vec<std::path::PathBuf>) {
    if path.is_dir() {
        for entry in path.read_dir().unwrap() {
            find_bytes(&entry.unwrap().path(), part, found);
        }
    } else if fs::read(path)
        .unwrap()
        .windows(part.len())
        .any(|at| at == part)
    {
        found.push(path.to_owned());
    }
}

//! PR-01: after a full session with all logging on, no secret is anywhere it does not belong.

use std::fs;
use std::path::Path;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, Hit, LeakScan};

use crate::case::{Case, assert_exit};
use crate::full_session::{FullSession, SessionSecrets};
use crate::planted_secrets::MachineWithSecrets;
use crate::serving::{Serving, message};

/// Variables that turn on all logging.
pub(crate) const ALL_LOGGING: [(&str, &str); 3] = [
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("KEYREEVE_LOG", "trace"),
];

/// PR-01: after a full session with all logging on, no secret is found outside its place.
#[test]
fn no_secret_leaks_in_a_full_session() {
    let case = Case::new();
    let planted = SessionSecrets::new("pr01");
    let entered: Vec<_> = planted.all().into_iter().cloned().collect();
    let start = |arguments: &[&str]| {
        let mut command = case.command(arguments);
        command.envs(ALL_LOGGING);
        command
    };
    let seen = FullSession::new(&case, &start, planted).run_all();
    for canary in &entered[..2] {
        assert_exit(case.run(&["profile", "add", canary.value()]), 4);
    }

    let everything = LeakScan::new(entered.iter().chain(&seen.keys));
    for (what, response) in &seen.responses {
        leakscan::assert_no_leaks(&everything.bytes(what, response));
    }
    assert!(seen.responses.len() >= 20, "{}", seen.responses.len());
    // The home is scanned for the planted secrets; each printed key belongs in exactly one place.
    case.home.assert_clean();
    assert!(seen.keys.len() >= 8, "{}", seen.keys.len());
    for key in &seen.keys {
        let hits = LeakScan::new([key]).path(case.home.path());
        let texts: Vec<_> = hits.iter().map(ToString::to_string).collect();
        assert_eq!(hits.len(), 1, "{}", texts.join("\n"));
        assert!(is_data(&hits[0]), "{}", texts[0]);
    }
    assert_master_key_is_alone(&case);
}

/// PR-01: the secret with which a running `serve` proves its identity is in its own file and nowhere else.
#[test]
fn instance_secret_stays_in_its_file() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let file = case.home.keyreeve_home().join("state/serve.json");
    let content: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let secret = Canary::generated("instance", content["instance_secret"].as_str().unwrap());
    let response = serving.ask(&serving.key(), &message("hello"));
    assert_exit(case.run(&["status"]), 0);
    let scan = LeakScan::new([&secret]);
    leakscan::assert_no_leaks(&scan.bytes("the response", &response.body));
    leakscan::assert_no_leaks(&scan.process(serving.pid()));
    let hits = scan.path(case.home.path());
    let locations: Vec<_> = hits.iter().map(|hit| hit.location.as_str()).collect();
    assert_eq!(locations, [file.to_str().unwrap()]);
    let _ended = serving.end();
    leakscan::assert_no_leaks(&scan.path(case.home.path()));
}

/// PR-01: no command that inspects a machine, imports, sends requests or gives out credentials prints a secret.
#[test]
fn secrets_on_the_machine_are_never_printed() {
    let machine = MachineWithSecrets::new();
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
        &["requests"],
        &["requests", "--attempts"],
        &["helper", "--profile", "leased"],
        &["credential", "--profile", "refers"],
    ] {
        machine.run_in_each_format(arguments, None);
        machine.assert_clean();
    }
    for secret in ["leased", "direct"] {
        machine.run_in_each_format(&["profile", "show", secret], None);
    }
    assert!(machine.was_sent(&machine.gateway_only), "nothing was sent");
    assert_eq!(
        machine.secrets_given_to("tool"),
        None,
        "only the gateway uses this secret"
    );
    let nothing = Some(String::new());
    assert_eq!(
        machine.secrets_given_to("claude"),
        nothing,
        "it has its own login"
    );
    assert_eq!(
        machine.secrets_given_to("vault"),
        nothing,
        "it prints its own secret"
    );
}

/// PR-01: a raw key that programs may have appears only where it was requested.
#[test]
fn raw_key_appears_only_where_it_was_requested() {
    let machine = MachineWithSecrets::new();
    let exec = ["exec", "--profile", "direct", "--", "tool"];
    let _started = machine.run(&exec, None).expect_code(0);
    let given = format!("ANTHROPIC_API_KEY={}\n", machine.exposed.value());
    assert!(
        machine.secrets_given_to("tool") == Some(given),
        "another secret, or none"
    );

    let helper = machine.run(&["helper", "--profile", "direct"], Some(&machine.exposed));
    let line = format!("{}\n", machine.exposed.value());
    assert!(helper.expect_code(0).stdout == line, "unexpected output");
    let credential = ["credential", "--json", "--profile", "direct"];
    assert_exit(machine.run(&credential, Some(&machine.exposed)), 0);
    machine.assert_clean();

    let serving = Serving::start(&machine.case);
    for arguments in [
        &["helper", "--profile", "leased"][..],
        &["credential", "--json", "--profile", "leased"],
        &["profile", "link", "leased"],
    ] {
        assert_exit(machine.run(arguments, None), 0);
    }
    let linked = machine.case.home.user_home();
    let linked = linked.join(".config/anthropic/credentials/leased.json");
    let linked: serde_json::Value = serde_json::from_slice(&fs::read(linked).unwrap()).unwrap();
    let token = linked["access_token"].as_str().unwrap();
    assert!(token.starts_with("krv_"), "not a virtual key");
    machine.assert_clean();
    assert_exit(machine.run(&["profile", "unlink", "leased"], None), 0);
    let _ended = serving.end();
    machine.assert_clean();
}

/// Returns `true` if the hit is the standard output of the command that created the key.
fn is_data(hit: &Hit) -> bool {
    let file = Path::new(&hit.location);
    file.extension()
        .is_some_and(|extension| extension == "stdout")
        && file
            .parent()
            .is_some_and(|directory| directory.ends_with("printed"))
}

/// Searches for the master key in binary and in hexadecimal.
fn assert_master_key_is_alone(case: &Case) {
    for directory in ["keyreeve", "restored"] {
        let own = case.home.path().join(directory).join("config/master.key");
        let bytes = fs::read(&own).unwrap();
        let key = bytes.strip_prefix(b"keyreeve master key 1\n").unwrap();
        assert_eq!(key.len(), 32);
        let written = Canary::generated("master-key", &hex::encode(key));
        leakscan::assert_no_leaks(&LeakScan::new([&written]).path(case.home.path()));
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

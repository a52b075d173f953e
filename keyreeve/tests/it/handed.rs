//! `helper` and `credential`: a key for whoever may have it, and nothing at all for everybody else.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::process::Output;
use keyreeve_testkit::skip;
use keyreeve_testkit::upstream::{Decoy, Scripted, Step};
use serde_json::json;

use crate::case::{Case, check, ends};
use crate::serving::{Serving, message};

const HELPER: [&str; 3] = ["helper", "--profile", "sandbox"];

/// A client's environment leads where it leads.
fn helper_for(case: &Case, base_url: &str, arguments: &[&str]) -> Output {
    let mut command = case.command(arguments);
    command.env("ANTHROPIC_BASE_URL", base_url);
    case.home.run(&mut command)
}

/// The one line that a helper may print.
#[track_caller]
fn one_key(output: &Output) -> String {
    let line = output.stdout.strip_suffix('\n').unwrap_or_default();
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let whole = !line.is_empty() && line.bytes().all(plain);
    assert!(output.code == 0 && whole, "{output:?}");
    assert_eq!(output.stderr, "", "a helper has nothing to say");
    line.to_owned()
}

/// Gives what it said to the person.
#[track_caller]
fn prints_nothing(output: Output, code: i32) -> String {
    assert_eq!(output.stdout, "", "{}", output.stderr);
    output.expect_code(code).stderr
}

/// The same for a gateway that proves nothing; none where the wait for it left no time for keyreeve's own files, on a busy
/// machine.
fn prints_nothing_to_nobody(output: Output) -> Option<String> {
    let late = output.code == 7;
    let told = prints_nothing(output, if late { 7 } else { 4 });
    (!late).then_some(told)
}

fn runtime_file(case: &Case) -> PathBuf {
    case.home.keyreeve_home().join("state/serve.json")
}

/// Puts another address into the runtime file, as if its port had become somebody else's.
fn lead_to(case: &Case, address: SocketAddr) {
    let mut content: serde_json::Value =
        serde_json::from_slice(&fs::read(runtime_file(case)).unwrap()).unwrap();
    content["address"] = json!(format!("http://{address}"));
    content["addresses"] = json!([format!("http://{address}")]);
    fs::write(runtime_file(case), content.to_string()).unwrap();
}

#[test]
fn a_key_opens_the_gateway_and_stands_in_the_ledger_by_its_profile() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let address = format!("http://{}", serving.address());
    let key = one_key(&case.run(&HELPER));
    for (what, again) in [
        ("asked again", case.run(&HELPER)),
        ("the only profile is the default", case.run(&["helper"])),
    ] {
        assert_eq!(one_key(&again), key, "{what}");
    }
    let there = one_key(&helper_for(&case, &address, &HELPER));
    for key in [&key, &there] {
        assert_eq!(serving.ask(key, &message("hi")).status(), 200);
    }
    let attempts = case.run(&["attempts", "--json"]).json();
    assert_eq!(attempts["attempts"][0]["key"], "helper-sandbox");
    let keys = case.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2), "{keys}");
    let _ended = serving.end();
}

#[test]
fn a_key_of_ones_own_is_handed_out_with_its_limits() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let add = ["key", "add", "tool", "--profile", "sandbox"];
    let made = case.run(&[&add[..], &["--model", "claude-opus-*"]].concat());
    let key = one_key(&case.run(&["helper", "--key", "tool"]));
    assert_ne!(key, made.expect_code(0).stdout.trim());
    assert_eq!(serving.ask(&key, &message("a haiku")).status(), 403);
    ends(case.run(&["key", "revoke", "tool"]), 0);
    assert_eq!(serving.ask(&key, &message("hi")).status(), 401);
    prints_nothing(case.run(&["helper", "--key", "tool"]), 4);
    prints_nothing(case.run(&["helper", "--key", "nobody"]), 1);
    let _ended = serving.end();
}

#[test]
fn what_was_ended_is_not_handed_out_again() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let first = one_key(&case.run(&HELPER));
    ends(case.run(&["key", "rotate", "helper-sandbox"]), 0);
    assert_eq!(serving.ask(&first, &message("hi")).status(), 401);
    let second = one_key(&case.run(&HELPER));
    assert_ne!(second, first);
    assert_eq!(one_key(&case.run(&HELPER)), second);
    assert_eq!(serving.ask(&second, &message("hi")).status(), 200);
    ends(case.run(&["key", "revoke", "helper-sandbox"]), 0);
    check("helper_revoked", &case, &case.run(&HELPER));
    let _ended = serving.end();
}

#[test]
fn without_a_gateway_there_is_no_key() {
    let (case, _) = Case::with_profile();
    let helper = ["helper", "--profile", "work"];
    check("helper_no_gateway", &case, &case.run(&helper));
    let serving = Serving::start(&case);
    one_key(&case.run(&helper));
    serving.kill();
    let started = Instant::now();
    prints_nothing(case.run(&helper), 4);
    assert!(started.elapsed() < Duration::from_secs(1), "P10");
}

#[test]
fn la_07_who_took_the_port_gets_no_key() {
    let (case, canary) = Case::with_profile();
    Serving::start(&case).kill();
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n";
    let forged = format!(
        "{forged}{{\"status\":\"ok\",\"proof\":\"{}\"}}",
        "0".repeat(64)
    );
    let (liar, silent) = (
        Scripted::start(move |_| vec![Step::Send(forged.clone().into_bytes())]),
        Decoy::start(),
    );
    for (address, received) in [
        (
            liar.address(),
            &(|| liar.bytes()) as &dyn Fn() -> Vec<Vec<u8>>,
        ),
        (silent.address(), &|| silent.received()),
    ] {
        lead_to(&case, address);
        for arguments in [
            &["helper", "--profile", "work"][..],
            &["helper"],
            &["credential", "--json"],
        ] {
            let told = prints_nothing_to_nobody(case.run(arguments));
            assert!(told.is_none_or(|told| told.contains(&address.to_string())));
        }
        let said = received().concat();
        let text = String::from_utf8_lossy(&said);
        assert!(text.starts_with("GET /healthz?nonce="), "{text}");
        for part in ["krv_", "work", "authorization", "x-api-key"] {
            assert!(!text.to_lowercase().contains(part), "{part}: {text}");
        }
        leakscan::assert_none(&LeakScan::of([&canary]).bytes("the squatter", &said));
    }
}

/// A port that somebody holds and would share is not shared.
#[test]
fn la_07_no_port_is_shared_with_who_would_share_it() {
    let (case, squatter) = (Case::new(), Decoy::sharing());
    let address = squatter.address().to_string();
    let refused = case.run(&["serve", "--listen", &address]).expect_code(1);
    assert!(refused.stderr.contains("is taken"), "{}", refused.stderr);
    squatter.assert_untouched();
}

/// On the other loopback address too: who holds one of the two keeps the gateway from starting, and gets no key.
#[test]
fn la_07_who_took_the_other_loopback_address_gets_no_key() {
    let Ok(squatter) = TcpListener::bind("[::1]:0") else {
        skip!("this machine has no [::1]");
    };
    let address = squatter.local_addr().unwrap();
    let (case, canary) = Case::with_profile();
    let both = format!("localhost:{}", address.port());
    let refused = case.run(&["serve", "--listen", &both]).expect_code(1);
    assert!(refused.stderr.contains("is taken"), "{}", refused.stderr);
    prints_nothing(case.run(&["helper", "--profile", "work"]), 4);

    Serving::start(&case).kill();
    lead_to(&case, address);
    // It goes on listening, without a word to whoever comes next.
    let first = squatter.try_clone().unwrap();
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = first.accept().unwrap();
        let mut bytes = Vec::new();
        let _until_it_gave_up = stream.read_to_end(&mut bytes);
        bytes
    });
    let told = prints_nothing_to_nobody(case.run(&["helper", "--profile", "work"]));
    assert!(told.is_none_or(|told| told.contains(&address.to_string())));
    let said = taken.join().unwrap();
    let text = String::from_utf8_lossy(&said).to_lowercase();
    assert!(text.starts_with("get /healthz?nonce="), "{text}");
    assert!(!text.contains("krv_"), "{text}");
    leakscan::assert_none(&LeakScan::of([&canary]).bytes("the squatter", &said));
}

#[test]
fn a_runtime_file_that_others_can_touch_is_not_believed() {
    let (case, _) = Case::with_profile();
    let serving = Serving::start(&case);
    let helper = ["helper", "--profile", "work"];
    let file = runtime_file(&case);
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    for weak in [0o644, 0o620, 0o666] {
        mode(weak);
        let told = prints_nothing(case.run(&helper), 4);
        assert!(told.contains("chmod 600"), "{}", told);
    }
    mode(0o600);
    one_key(&case.run(&helper));
    let right = fs::read_to_string(&file).unwrap();
    for wrong in [
        String::new(),
        "{}".to_owned(),
        right.replace("127.0.0.1", "192.0.2.1"),
    ] {
        fs::write(&file, wrong).unwrap();
        prints_nothing(case.run(&helper), 4);
    }
    fs::write(&file, right).unwrap();
    let _ended = serving.end();
}

#[test]
fn la_10_a_client_that_goes_elsewhere_gets_nothing() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let decoy = Decoy::start();
    let port = serving.address().port();
    for elsewhere in [
        decoy.base_url().as_str(),
        "https://api.anthropic.com",
        "https://evil.test",
        &format!("http://127.0.0.1:{port}@evil.test"),
        &format!("http://localhost:{port}"),
        "nonsense",
    ] {
        for arguments in [&HELPER[..], &["helper"], &["credential", "--json"]] {
            let told = prints_nothing(helper_for(&case, elsewhere, arguments), 8);
            assert!(told.contains("ANTHROPIC_BASE_URL"), "{}", told);
        }
    }
    one_key(&helper_for(&case, "", &HELPER));
    decoy.assert_untouched();
    let _ended = serving.end();
}

#[test]
fn only_a_marked_profile_gives_its_own_secret() {
    let case = Case::new();
    let canary = Canary::api_key("direct");
    let add = |name: &str, more: &[&str]| {
        let arguments = [&["profile", "add", name, "--stdin"], more].concat();
        ends(case.feed(&arguments, canary.value()), 0);
    };
    add("mine", &["--direct"]);
    let other = ["--direct", "--origin", "https://gateway.example"];
    add("other", &[&other[..], &["--auth", "bearer"]].concat());
    add("leased", &[]);
    let mine = ["helper", "--profile", "mine"];
    let other = ["helper", "--profile", "other"];
    assert_eq!(one_key(&case.run(&mine)), canary.value());
    let handed = case.run(&["credential", "--json", "--profile", "other"]);
    let handed = handed.expect_code(0).json();
    assert_eq!(
        (&handed["token"], &handed["base_url"], &handed["kind"]),
        (
            &json!(canary.value()),
            &json!("https://gateway.example"),
            &json!("credential")
        )
    );
    let gateway = "https://gateway.example/v1";
    assert_eq!(one_key(&helper_for(&case, gateway, &other)), canary.value());
    prints_nothing(helper_for(&case, "https://evil.test", &mine), 8);
    prints_nothing(helper_for(&case, "https://api.anthropic.com", &other), 8);
    prints_nothing(case.run(&other), 8);
    prints_nothing(case.run(&["helper", "--profile", "leased"]), 4);

    let serving = Serving::start(&case);
    let address = format!("http://{}", serving.address());
    assert_eq!(one_key(&case.run(&mine)), canary.value());
    assert!(one_key(&helper_for(&case, &address, &mine)).starts_with("krv_"));
    let vendor = "https://api.anthropic.com";
    assert_eq!(one_key(&helper_for(&case, vendor, &mine)), canary.value());
    let _ended = serving.end();
}

#[test]
fn whatever_is_wrong_nothing_is_printed() {
    let case = Case::new();
    for arguments in [&["helper"][..], &["helper", "--profile", "nobody"]] {
        let failed = case.run(arguments);
        assert_ne!(failed.code, 0);
        let code = failed.code;
        prints_nothing(failed, code);
    }
    prints_nothing(case.run(&["helper", "--json"]), 2);
    prints_nothing(case.run(&["helper", "--profile", "a", "--key", "b"]), 2);
    ends(case.run(&["profile", "add", "one", "--env", "NOT_SET"]), 0);
    let direct = ["profile", "add", "three", "--env", "NOT_SET", "--direct"];
    ends(case.run(&direct), 0);
    prints_nothing(case.run(&["helper", "--profile", "three"]), 4);
    let database = case.home.keyreeve_home().join("data/keyreeve.db");
    fs::write(&database, "no database").unwrap();
    prints_nothing(case.run(&["helper", "--profile", "one"]), 7);
}

#[test]
fn a_store_that_does_not_answer_is_waited_for_a_second() {
    let case = Case::new();
    let data = case.home.keyreeve_home().join("data");
    fs::create_dir_all(&data).unwrap();
    // As if somebody else were just making the store.
    let setup = fs::File::create(data.join("setup.lock")).unwrap();
    for (path, mode) in [(data.join("setup.lock"), 0o600), (data, 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    setup.lock().unwrap();
    let started = Instant::now();
    let told = prints_nothing(case.run(&["helper", "--profile", "work"]), 7);
    let took = started.elapsed();
    assert!(told.contains("within a second"), "{told}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_credential_says_where_it_leads_and_when_it_ends() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let handed = case.run(&["credential", "--json"]).expect_code(0).json();
    assert_eq!(handed["schema_version"], 1);
    assert_eq!(handed["kind"], "virtual-key");
    assert_eq!(handed["base_url"], serving.ready()["address"]);
    let token = handed["token"].as_str().unwrap();
    assert_eq!(serving.ask(token, &message("hi")).status(), 200);
    let ends = handed["expires_at_unix"].as_i64().unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let left = ends - i64::try_from(now).unwrap();
    assert!((9 * 60..=20 * 60).contains(&left), "{left} s left");
    let shown = case.run(&["credential"]).expect_code(0);
    assert!(shown.stdout.contains(token), "{}", shown.stdout);
    let _ended = serving.end();
}

/// R21: all who ask at once get a key that holds.
#[test]
fn co_200_helpers_in_waves_all_get_a_key() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let mut keys = Vec::new();
    // In waves: all at once is a matter of the machine, and is measured by `cargo xtask bench helper`.
    for _ in 0..10 {
        let asking: Vec<_> = (0..20)
            .map(|_| case.home.spawn(&mut case.command(&HELPER)))
            .collect();
        let wave = asking.into_iter();
        keys.extend(wave.map(|asking| one_key(&asking.wait(Duration::from_mins(1)))));
    }
    keys.dedup();
    assert_eq!(keys.len(), 1, "within one period");
    assert_eq!(serving.ask(&keys[0], &message("hi")).status(), 200);
    let _ended = serving.end();
}

#[test]
fn la_10_a_project_that_leads_its_client_elsewhere_gets_no_credential() {
    let (case, key) = (Case::new(), Canary::api_key("direct"));
    ends(
        case.feed(
            &["profile", "add", "mine", "--stdin", "--direct"],
            key.value(),
        ),
        0,
    );
    let helper = ["helper", "--profile", "mine"];
    assert_eq!(one_key(&case.run(&helper)), key.value());
    let folder = case.home.work().join(".claude");
    fs::create_dir(&folder).unwrap();
    for (file, name) in [
        ("settings.json", "ANTHROPIC_BASE_URL"),
        ("settings.local.json", "ANTHROPIC_BASE_URL"),
        ("settings.json", "https_proxy"),
        ("settings.json", "ANTHROPIC_UNIX_SOCKET"),
    ] {
        let moved = format!(r#"{{"env": {{"{name}": "https://evil.test"}}}}"#);
        fs::write(folder.join(file), moved).unwrap();
        let told = prints_nothing(case.run(&helper), 8);
        assert!(told.contains(file), "{told}");
        fs::remove_file(folder.join(file)).unwrap();
    }
    fs::create_dir(folder.join("settings.json")).unwrap();
    prints_nothing(case.run(&helper), 8);
}

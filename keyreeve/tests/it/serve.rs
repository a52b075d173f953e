//! `serve`: ready, alone on its store, and gone when asked.

use std::time::Duration;

use keyreeve_testkit::process::Running;

use crate::case::{Case, check, ends};

const READY: [&str; 5] = ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];

fn serve(case: &Case) -> Running {
    case.home.start(&mut case.command(&READY))
}

fn end(running: Running) {
    running.terminate();
    let _ended = running.wait(Duration::from_secs(10)).expect_code(0);
}

#[test]
fn an_empty_machine_serves_with_two_words() {
    let case = Case::new();
    let running = serve(&case);
    let ready = running.ready();
    assert_eq!(ready["schema_version"], 1);
    for place in ["address", "sandbox", "dashboard"] {
        assert!(
            ready[place]
                .as_str()
                .is_some_and(|url| url.starts_with("http://127.0.0.1:")),
            "{ready}"
        );
    }
    assert!(
        ready["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("krv_")),
        "{ready}"
    );
    check("serve_profiles", &case, &case.run(&["profile", "list"]));
    check("serve_keys", &case, &case.run(&["key", "list"]));
    assert!(case.home.keyreeve_home().join("state/serve.json").exists());
    end(running);
    assert!(!case.home.keyreeve_home().join("state/serve.json").exists());
}

#[test]
fn connect_names_the_address_that_is_served_now() {
    let case = Case::new();
    let connect = || {
        let told = case.run(&["connect", "curl", "--key", "sandbox", "--json"]);
        let told = told.expect_code(0);
        let alone = told.stderr.contains("no `keyreeve serve` runs");
        (told.json()["base_url"].clone(), alone)
    };
    let file = case.home.keyreeve_home().join("state/serve.json");
    let running = serve(&case);
    let address = running.ready()["address"].clone();
    assert_eq!(connect(), (address, false));
    let configured = (serde_json::json!("http://127.0.0.1:8484"), true);
    let left = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{}").unwrap();
    assert_eq!(connect(), configured, "a file without an address");
    std::fs::write(&file, &left).unwrap();
    let _killed = running.kill();
    assert_eq!(std::fs::read(&file).unwrap(), left);
    assert_eq!(connect(), configured, "what a killed serve left");
    end(serve(&case));
    assert_eq!(connect(), configured, "ended in good order");
}

#[test]
fn a_later_start_keeps_the_profile_and_makes_a_new_key() {
    let case = Case::new();
    let first = serve(&case);
    let (old_key, old_sandbox) = (
        first.ready()["key"].clone(),
        first.ready()["sandbox"].clone(),
    );
    end(first);
    let second = serve(&case);
    assert_ne!(second.ready()["key"], old_key);
    let profiles = case.run(&["profile", "list", "--json"]).json();
    assert_eq!(
        profiles["profiles"].as_array().map(Vec::len),
        Some(1),
        "{profiles}"
    );
    assert_eq!(
        profiles["profiles"][0]["base_url"],
        second.ready()["sandbox"]
    );
    assert_eq!(
        second.ready()["sandbox"],
        old_sandbox,
        "the port was free again"
    );
    end(second);
}

#[test]
fn serve_without_anything_says_what_to_do_next() {
    let case = Case::new();
    let running =
        case.home
            .start(&mut case.command(&["serve", "--json", "--listen", "127.0.0.1:0"]));
    assert!(running.ready().get("key").is_none());
    end(running);
}

#[test]
fn a_name_of_ones_own_is_not_taken_over() {
    let case = Case::new();
    ends(case.run(&["profile", "add", "sandbox", "--env", "X"]), 0);
    check("serve_name_taken", &case, &case.run(&READY));
}

#[test]
fn a_taken_port_names_its_holder() {
    let case = Case::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let refused = case.run(&["serve", "--listen", &address]).expect_code(1);
    assert!(refused.stderr.contains("is taken"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("listens there"),
        "{}",
        refused.stderr
    );
}

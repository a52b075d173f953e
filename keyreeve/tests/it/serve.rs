//! `serve`: its start, its claim of the store, and its end.

use std::time::Duration;

use keyreeve_testkit::process::Daemon;

use crate::case::{Case, assert_exit, check};

const READY: [&str; 5] = ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];

fn serve(case: &Case) -> Daemon {
    case.home.start(&mut case.command(&READY))
}

fn end(running: Daemon) {
    running.terminate();
    let _ended = running.wait(Duration::from_secs(10)).expect_code(0);
}

#[test]
fn serve_sandbox_works_on_an_empty_machine() {
    let case = Case::new();
    let running = serve(&case);
    let ready = running.ready();
    assert_eq!(ready["schema_version"], 2);
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
fn connect_prints_the_current_address() {
    let case = Case::new();
    let connect = || {
        let output = case.run(&["connect", "curl", "--key", "sandbox", "--json"]);
        let output = output.expect_code(0);
        let is_configured = output.stderr.contains("this is its configured address");
        (output.json()["base_url"].clone(), is_configured)
    };
    let file = case.home.keyreeve_home().join("state/serve.json");
    let running = serve(&case);
    let address = running.ready()["address"].clone();
    assert_eq!(connect(), (address, false));
    let configured = (serde_json::json!("http://127.0.0.1:8484"), true);
    let content = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{}").unwrap();
    assert_eq!(connect(), configured, "a file without an address");
    std::fs::write(&file, &content).unwrap();
    let _killed = running.kill();
    assert_eq!(std::fs::read(&file).unwrap(), content);
    assert_eq!(connect(), configured, "after a kill");
    end(serve(&case));
    assert_eq!(connect(), configured, "after a clean exit");
}

#[test]
fn restart_keeps_the_profile_and_creates_a_new_key() {
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
fn serve_runs_without_any_setup() {
    let case = Case::new();
    let running =
        case.home
            .start(&mut case.command(&["serve", "--json", "--listen", "127.0.0.1:0"]));
    assert!(running.ready().get("key").is_none());
    end(running);
}

#[test]
fn users_own_sandbox_profile_is_not_replaced() {
    let case = Case::new();
    assert_exit(case.run(&["profile", "add", "sandbox", "--env", "X"]), 0);
    check("serve_name_taken", &case, &case.run(&READY));
}

#[test]
fn taken_port_error_names_the_process() {
    let case = Case::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let refused = case.run(&["serve", "--listen", &address]).expect_code(1);
    assert!(
        refused.stderr.contains("already in use"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("listens on this port"),
        "{}",
        refused.stderr
    );
}

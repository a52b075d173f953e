//! A request with a virtual key gets a response and is recorded.

use crate::case::{Case, assert_exit};
use crate::serving::{Serving, message, streamed};

const TOKEN_CLASSES: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
];

#[test]
fn serve_sandbox_in_a_fresh_home() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let response = serving.ask(&serving.key(), &streamed("Hello"));
    assert_eq!(response.status(), 200, "{}", response.text());
    let last = response.events().pop().unwrap();
    assert!(last.text.contains("message_stop"), "{}", last.text);
    let stopped = serving.end();
    assert!(!stopped.stderr.contains("error"), "{}", stopped.stderr);

    let usage = case.run(&["usage", "--json"]).expect_code(0).json();
    let entry = &usage["rows"][0];
    assert_eq!(entry["name"], "sandbox");
    assert_eq!(entry["requests"], 1);
    assert_eq!(entry["simulated"], true);
    for class in TOKEN_CLASSES {
        assert!(entry[class].is_u64(), "{class}: {entry}");
    }
    assert!(entry["input_tokens"].as_u64() > Some(0), "{entry}");
    assert!(entry["output_tokens"].as_u64() > Some(0), "{entry}");
    assert!(entry["cost_usd"].as_f64() > Some(0.0), "{entry}");
    assert_eq!(entry["cost_is_at_most"], false, "{entry}");

    let attempts = case
        .run(&["requests", "--attempts", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(attempts["attempts"].as_array().map(Vec::len), Some(1));
    let attempt = &attempts["attempts"][0];
    assert_eq!(attempt["ending"], "done");
    assert_eq!(attempt["status"], 200);
    assert_eq!(attempt["stream"], true);
}

#[test]
fn revocation_is_effective_while_serve_runs() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let arguments = ["key", "add", "laptop", "--profile", "sandbox", "--json"];
    let added = case.run(&arguments).expect_code(0).json();
    let key = added["key"].as_str().unwrap();
    assert_eq!(serving.ask(key, &message("before")).status(), 200);

    assert_exit(case.run(&["key", "revoke", "laptop"]), 0);
    let refused = serving.ask(key, &message("after"));
    assert_eq!(refused.status(), 401, "{}", refused.text());
    assert_eq!(refused.json()["error"]["type"], "authentication_error");
    assert_eq!(refused.head.header("x-should-retry"), Some("false"));

    assert_eq!(
        serving
            .ask(&serving.key(), &message("another key"))
            .status(),
        200
    );
    let attempts = case.run(&["requests", "--attempts", "--json"]).json();
    let by_laptop = attempts["attempts"].as_array().unwrap();
    let by_laptop = by_laptop.iter().filter(|entry| entry["key"] == "laptop");
    assert_eq!(by_laptop.count(), 1, "a refused request is not an attempt");
    let _ended = serving.end();
}

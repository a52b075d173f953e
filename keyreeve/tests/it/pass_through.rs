//! Pass-through: enabled, used by a client with its own login, and shown in the reports.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::wire::{self, WireResponse};

use crate::case::{Case, assert_exit};
use crate::serving::{SERVE, SERVE_SANDBOX, Serving, message};

/// A case with a key that has no profile, and a client's own login, which must not be stored.
fn prepared() -> (Case, String, Canary) {
    let case = Case::new();
    let login = Canary::plan_login("client");
    case.home.plant(&login);
    let arguments = ["key", "add", "own-login", "--pass-through", "--json"];
    let added = case.run(&arguments).expect_code(0).json();
    (case, added["key"].as_str().unwrap().to_owned(), login)
}

fn serving(case: &Case, base: &[&str]) -> Serving {
    let arguments = [base, &["--pass-through"]].concat();
    Serving::new(case.home.start(&mut case.command(&arguments)))
}

#[track_caller]
fn ask(serving: &Serving, line: &str, (key, login): (&str, &Canary)) -> WireResponse {
    let bearer = format!("Bearer {}", login.value());
    let body = if line.starts_with("POST") {
        message("Hello").to_string()
    } else {
        String::new()
    };
    let headers = [
        ("x-keyreeve-key", key),
        ("authorization", bearer.as_str()),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "oauth-2025-04-20"),
        ("content-type", "application/json"),
        ("connection", "close"),
    ];
    let request = wire::request(serving.address(), line, &headers, body.as_bytes());
    wire::send_request(serving.address(), &request)
}

#[test]
fn clients_own_login_passes_through_at_no_cost() {
    let (case, key, login) = prepared();
    let serving = serving(&case, &SERVE_SANDBOX);
    let base_url = format!("http://{}/passthrough", serving.address());
    let through = &serving.ready()["pass_through"];
    assert_eq!(through["base_url"], base_url.as_str());
    assert_eq!(through["upstream"], serving.ready()["sandbox"]);

    for line in [
        "POST /passthrough/v1/messages",
        "GET /passthrough/api/oauth/usage",
        "GET /passthrough/api/oauth/profile",
    ] {
        let response = ask(&serving, line, (&key, &login));
        assert_eq!(response.status(), 200, "{line}: {}", response.text());
    }
    // Without profiles the key allows nothing else.
    let refused = serving.ask(&key, &message("Hello"));
    assert_eq!(refused.status(), 403, "{}", refused.text());
    let stopped = serving.end();
    assert!(stopped.stderr.contains(&base_url), "{}", stopped.stderr);

    let attempts = case
        .run(&["requests", "--attempts", "--json"])
        .expect_code(0)
        .json();
    let entries = attempts["attempts"].as_array().unwrap();
    let operations: Vec<_> = entries
        .iter()
        .map(|entry| entry["operation"].as_str())
        .collect();
    assert_eq!(
        operations,
        [Some("account"), Some("account"), Some("messages")]
    );
    for entry in entries {
        assert_eq!(entry["profile"], "(pass-through)", "{entry}");
        assert_eq!(entry["key"], "own-login", "{entry}");
        assert_eq!(entry["cost_usd"], 0.0, "{entry}");
        assert_eq!(entry["cost_is_at_most"], false, "{entry}");
    }
    let worth = entries[2]["equivalent_usd"].as_f64().unwrap();
    assert!(worth > 0.0, "{}", entries[2]);

    let usage = case.run(&["usage", "--by", "profile", "--json"]);
    let usage = usage.expect_code(0).json();
    let entry = &usage["rows"][0];
    assert_eq!(entry["name"], "(pass-through)", "{usage}");
    for entry in [entry, &usage["total"]] {
        assert_eq!(entry["cost_usd"], 0.0, "{usage}");
        assert_eq!(entry["equivalent_usd"].as_f64(), Some(worth), "{usage}");
    }
    for command in [&["usage"][..], &["requests", "--attempts"]] {
        let output = case.run(command).expect_code(0).stdout;
        let worth = format!("plan, ≈ {worth:.6} at API prices");
        assert!(output.contains(&worth), "{output}");
    }
}

/// SU-01: without its flag nothing passes through, whatever the environment sets.
#[test]
fn environment_cannot_enable_pass_through() {
    let (case, key, login) = prepared();
    let mut command = case.command(&SERVE);
    command.env("KEYREEVE_PASS_THROUGH", "true");
    let serving = Serving::new(case.home.start(&mut command));
    assert!(serving.ready().get("pass_through").is_none());
    let response = ask(&serving, "POST /passthrough/v1/messages", (&key, &login));
    assert_eq!(response.status(), 404, "{}", response.text());
    assert!(
        response.text().contains("--pass-through"),
        "{}",
        response.text()
    );
    let _ended = serving.end();
}

/// SU-01: pass-through goes to Anthropic and listens only on loopback.
#[test]
fn pass_through_goes_to_anthropic_on_loopback_only() {
    let (case, _, _) = prepared();
    let serving = serving(&case, &SERVE);
    let through = &serving.ready()["pass_through"];
    assert_eq!(through["upstream"], "https://api.anthropic.com");
    let _ended = serving.end();
    assert_exit(
        case.run(&["serve", "--pass-through", "--listen", "0.0.0.0:0"]),
        2,
    );
}

//! Pass-through from outside: turned on, used by a client with a login of its own, and told in the reports.

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::wire::{self, Answer};

use crate::case::{Case, ends};
use crate::serving::{SERVE, SERVE_SANDBOX, Serving, message};

/// A case with a key that has no profile, and a login of a client's own that nothing may keep.
fn prepared() -> (Case, String, Canary) {
    let case = Case::new();
    let login = Canary::plan_login("client");
    case.home.plant(&login);
    let arguments = ["key", "add", "own-login", "--pass-through", "--json"];
    let made = case.run(&arguments).expect_code(0).json();
    (case, made["key"].as_str().unwrap().to_owned(), login)
}

fn serving(case: &Case, base: &[&str]) -> Serving {
    let arguments = [base, &["--pass-through"]].concat();
    Serving::of(case.home.start(&mut case.command(&arguments)))
}

#[track_caller]
fn ask(serving: &Serving, line: &str, (key, login): (&str, &Canary)) -> Answer {
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
    wire::ask(serving.address(), &request)
}

#[test]
fn a_clients_own_login_passes_through_and_is_no_money() {
    let (case, key, login) = prepared();
    let serving = serving(&case, &SERVE_SANDBOX);
    let base_url = format!("http://{}/passthrough", serving.address());
    let through = &serving.ready()["pass_through"];
    assert_eq!(through["base_url"], base_url.as_str());
    assert_eq!(through["leads_to"], serving.ready()["sandbox"]);

    for line in [
        "POST /passthrough/v1/messages",
        "GET /passthrough/api/oauth/usage",
        "GET /passthrough/api/oauth/profile",
    ] {
        let answer = ask(&serving, line, (&key, &login));
        assert_eq!(answer.status(), 200, "{line}: {}", answer.text());
    }
    // Without profiles the key opens nothing else.
    let refused = serving.ask(&key, &message("Hello"));
    assert_eq!(refused.status(), 403, "{}", refused.text());
    let stopped = serving.end();
    assert!(stopped.stderr.contains(&base_url), "{}", stopped.stderr);

    let attempts = case.run(&["attempts", "--json"]).expect_code(0).json();
    let rows = attempts["attempts"].as_array().unwrap();
    let operations: Vec<_> = rows.iter().map(|row| row["operation"].as_str()).collect();
    assert_eq!(
        operations,
        [Some("account"), Some("account"), Some("messages")]
    );
    for row in rows {
        assert_eq!(row["profile"], "(pass-through)", "{row}");
        assert_eq!(row["key"], "own-login", "{row}");
        assert_eq!(row["cost_usd"], 0.0, "{row}");
        assert_eq!(row["cost_is_at_most"], false, "{row}");
    }
    let worth = rows[2]["equivalent_usd"].as_f64().unwrap();
    assert!(worth > 0.0, "{}", rows[2]);

    let usage = case.run(&["usage", "--by", "profile", "--json"]);
    let usage = usage.expect_code(0).json();
    let row = &usage["rows"][0];
    assert_eq!(row["name"], "(pass-through)", "{usage}");
    for row in [row, &usage["total"]] {
        assert_eq!(row["cost_usd"], 0.0, "{usage}");
        assert_eq!(row["equivalent_usd"].as_f64(), Some(worth), "{usage}");
    }
    for command in [&["usage"][..], &["attempts"]] {
        let told = case.run(command).expect_code(0).stdout;
        let worth = format!("a plan paid, worth about {worth:.6}");
        assert!(told.contains(&worth), "{told}");
    }
}

#[test]
fn su_01_without_its_flag_nothing_passes_through_whatever_the_environment_says() {
    let (case, key, login) = prepared();
    let mut command = case.command(&SERVE);
    command.env("KEYREEVE_PASS_THROUGH", "true");
    let serving = Serving::of(case.home.start(&mut command));
    assert!(serving.ready().get("pass_through").is_none());
    let answer = ask(&serving, "POST /passthrough/v1/messages", (&key, &login));
    assert_eq!(answer.status(), 404, "{}", answer.text());
    assert!(
        answer.text().contains("--pass-through"),
        "{}",
        answer.text()
    );
    let _ended = serving.end();
}

#[test]
fn su_01_it_leads_to_the_vendor_and_listens_on_loopback_alone() {
    let (case, _, _) = prepared();
    let serving = serving(&case, &SERVE);
    let through = &serving.ready()["pass_through"];
    assert_eq!(through["leads_to"], "https://api.anthropic.com");
    let _ended = serving.end();
    ends(
        case.run(&["serve", "--pass-through", "--listen", "0.0.0.0:0"]),
        2,
    );
}

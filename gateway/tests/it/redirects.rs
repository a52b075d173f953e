//! Redirects are never followed and never passed on.

use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Decoy, responses};

use crate::error_envelope::check_final_error;
use crate::harness::{JSON, REQUEST_BODY, TestGateway};

/// NF-01: a redirect is neither followed nor passed on, whatever its status and location.
#[test]
fn redirect_is_not_followed() {
    let decoy = Decoy::start();
    let target = decoy.address();
    let gateway = TestGateway::start(move |request| {
        let header = |name| request.head.header(name).unwrap().to_owned();
        responses::redirect(header("x-status").parse().unwrap(), &header("x-location"))
    });
    let own = gateway.upstream.base_url();
    for location in [
        format!("http://{target}/v1/messages"),
        format!("https://{target}/v1/messages"),
        format!("//{target}/v1/messages"),
        format!("http://localhost:{}/", target.port()),
        format!("{own}/v1/messages"),
        "/v1/elsewhere".to_owned(),
        String::new(),
    ] {
        for status in [
            "300", "301", "302", "303", "304", "305", "307", "308", "399",
        ] {
            let headers = [JSON, ("x-status", status), ("x-location", &location)];
            let response = gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
            let text = check_final_error(&response, 502, "api_error");
            assert!(
                text.contains(status) && text.contains("never followed"),
                "{text}"
            );
            assert_eq!(response.head.header("location"), None);
            assert!(location.is_empty() || !text.contains(&location), "{text}");
        }
    }
    decoy.assert_untouched();
    let entries = gateway.entries();
    assert_eq!((entries.len(), gateway.upstream.requests().len()), (63, 63));
    for entry in entries {
        let outcome = entry.outcome.unwrap();
        assert_eq!((outcome.ending, outcome.cost.get()), (Ending::Failed, 0));
    }
}

/// NF-01: the same on the other routes.
#[test]
fn redirect_is_not_followed_on_other_routes() {
    let decoy = Decoy::start();
    let location = decoy.base_url();
    let gateway = TestGateway::start(move |_| responses::redirect(307, &location));
    for (line, body) in [
        ("POST /v1/messages/count_tokens", REQUEST_BODY),
        ("GET /v1/models", b""),
        ("GET /v1/models/claude-haiku-5-5", b""),
    ] {
        check_final_error(&gateway.send(line, &[JSON], body), 502, "api_error");
    }
    decoy.assert_untouched();
}

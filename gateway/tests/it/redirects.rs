//! NF-01: a redirect is never followed and never passed on.

use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{Decoy, reply};

use crate::envelope::check_refusal;
use crate::stage::{ASK, JSON, Stage};

#[test]
fn nf_01_redirects() {
    let decoy = Decoy::start();
    let there = decoy.address();
    let stage = Stage::start(move |request| {
        let header = |name| request.head.header(name).unwrap().to_owned();
        reply::redirect(header("x-status").parse().unwrap(), &header("x-location"))
    });
    let own = stage.upstream.base_url();
    for location in [
        format!("http://{there}/v1/messages"),
        format!("https://{there}/v1/messages"),
        format!("//{there}/v1/messages"),
        format!("http://localhost:{}/", there.port()),
        format!("{own}/v1/messages"),
        "/v1/elsewhere".to_owned(),
        String::new(),
    ] {
        for status in [
            "300", "301", "302", "303", "304", "305", "307", "308", "399",
        ] {
            let headers = [JSON, ("x-status", status), ("x-location", &location)];
            let answer = stage.ask("POST /v1/messages", &headers, ASK);
            let text = check_refusal(&answer, 502, "api_error");
            assert!(
                text.contains(status) && text.contains("never followed"),
                "{text}"
            );
            assert_eq!(answer.head.header("location"), None);
            assert!(location.is_empty() || !text.contains(&location), "{text}");
        }
    }
    decoy.assert_untouched();
    let rows = stage.rows();
    assert_eq!((rows.len(), stage.upstream.requests().len()), (63, 63));
    for row in rows {
        let ended = row.ended.unwrap();
        assert_eq!((ended.ending, ended.cost.get()), (Ending::Failed, 0));
    }
}

#[test]
fn nf_01_redirects_of_the_other_routes() {
    let decoy = Decoy::start();
    let location = decoy.base_url();
    let stage = Stage::start(move |_| reply::redirect(307, &location));
    for (line, body) in [
        ("POST /v1/messages/count_tokens", ASK),
        ("GET /v1/models", b""),
        ("GET /v1/models/claude-haiku-5-5", b""),
    ] {
        check_refusal(&stage.ask(line, &[JSON], body), 502, "api_error");
    }
    decoy.assert_untouched();
}

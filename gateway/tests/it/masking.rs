//! An upstream that echoes the injected credential: it is blotted out, wherever it stands and however it is split.

use keyreeve_core::profile::Auth;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{Received, Step, reply};
use keyreeve_testkit::wire::Ended;

use crate::stage::{ASK, ASK_STREAM, JSON, Setup, Stage};

fn credential(request: &Received) -> String {
    request.credentials().remove(0).1
}

#[test]
fn an_echo_in_headers_and_json_is_blotted_out() {
    for auth in [Auth::ApiKey, Auth::Bearer] {
        for status in [200, 401] {
            let setup = Setup {
                auth,
                ..Setup::default()
            };
            let stage = setup.start(move |request| reply::echo(status, request));
            let answer = stage.post(ASK);
            let stars = "*".repeat(stage.secret.value().len());
            let scheme = if auth == Auth::Bearer { "Bearer " } else { "" };
            let blotted = format!("{scheme}{stars}");
            assert_eq!(answer.status(), status);
            assert_eq!(answer.head.header("x-echo"), Some(blotted.as_str()));
            assert_eq!(answer.json()["error"]["message"], format!("not {blotted}"));
            assert_eq!(answer.ended, Ended::Whole);
        }
    }
}

/// What the ledger, the standings and the limits keep of a head is scanned when the stage ends.
#[test]
fn pr_01_an_echo_in_a_head_is_not_kept() {
    for status in [200, 401, 429] {
        let stage = Stage::start(move |request| {
            let secret = credential(request);
            let named = [
                "request-id",
                "anthropic-organization-id",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
                "retry-after",
            ];
            let headers: Vec<(&str, &str)> =
                named.iter().map(|name| (*name, secret.as_str())).collect();
            let body = format!(
                r#"{{"type":"error","error":{{"type":"{secret}","message":"{secret}"}},"model":"{secret}"}}"#
            );
            reply::with_headers(status, &headers, body.as_bytes())
        });
        let answer = stage.post(ASK);
        let stars = "*".repeat(stage.secret.value().len());
        assert_eq!(answer.head.header("request-id"), Some(stars.as_str()));
        assert_eq!(stage.row().1.upstream_request_id, Some(stars));
    }
}

/// People paste a key into the wrong variable.
#[test]
fn pr_01_a_clients_own_key_in_another_place_is_not_kept() {
    let stage = Stage::start(|_| {
        reply::json(
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
        )
    });
    let own = stage.own.value();
    let body = format!(r#"{{"model":"{own}","max_tokens":1,"messages":[]}}"#);
    let headers = [JSON, ("x-claude-code-session-id", own)];
    let answer = stage.ask("POST /v1/messages", &headers, body.as_bytes());
    assert_eq!(answer.status(), 404);
    let intent = stage.row().0.intent;
    assert_eq!((intent.session, intent.model_asked), (None, None));
}

/// A stream of two events with the credential in the first, torn into pieces of `size`.
fn echoed(request: &Received, size: usize) -> Vec<Step> {
    let secret = credential(request);
    let (beginning, _) = secret.split_at(BEGINNING);
    let text = format!("event: a\ndata: x{secret}{secret}y\n\nevent: b\ndata: {beginning}\n\n");
    reply::stream(text.as_bytes().chunks(size))
}

/// So much of a secret gives nothing away: its family.
const BEGINNING: usize = "sk-ant-api03-".len();

#[test]
fn an_echo_in_a_stream_is_blotted_out_however_it_is_split() {
    for size in [1, 2, 7, 50, 107, 108, 109, 1000] {
        let stage = Stage::start(move |request| echoed(request, size));
        let answer = stage.post(ASK_STREAM);
        let secret = stage.secret.value();
        let (stars, beginning) = ("*".repeat(secret.len()), &secret[..BEGINNING]);
        let expected =
            format!("event: a\ndata: x{stars}{stars}y\n\nevent: b\ndata: {beginning}\n\n");
        assert_eq!(answer.text(), expected, "{size}");
        assert_eq!(answer.ended, Ended::Whole);
        let hash = *blake3::hash(&answer.body).as_bytes();
        assert_eq!(stage.row().1.answer_hash, Some(hash));
    }
}

/// An answer of known length that ends with the credential, or with its beginning, in two pieces.
#[track_caller]
fn check_end(echoed: usize, torn_at: usize, blotted: bool) {
    let stage = Stage::start(move |request| {
        let secret = credential(request);
        let body = format!("{{\"a\":\"{}", &secret[..echoed]);
        let (one, other) = body.as_bytes().split_at(body.len() - torn_at);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let pieces = [head.as_bytes(), one, other];
        pieces.map(|piece| Step::Send(piece.to_vec())).to_vec()
    });
    let answer = stage.post(ASK);
    let end = if blotted {
        "*".repeat(echoed)
    } else {
        stage.secret.value()[..echoed].to_owned()
    };
    assert_eq!(answer.text(), format!("{{\"a\":\"{end}"));
    let length = answer.body.len().to_string();
    assert_eq!(answer.head.header("content-length"), Some(length.as_str()));
}

#[test]
fn an_echo_at_the_very_end_is_blotted_out_and_the_length_stays() {
    let whole = Canary::api_key("profile").value().len();
    for torn_at in [1, 2, 50, whole, whole + 1] {
        check_end(whole, torn_at, true);
    }
    for torn_at in [1, BEGINNING, BEGINNING + 1] {
        check_end(BEGINNING, torn_at, false);
    }
}

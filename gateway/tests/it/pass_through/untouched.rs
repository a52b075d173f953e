//! Between client and upstream: nothing is added, changed or taken away.

use keyreeve_core::price::Basis;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::reply;

use super::{GENUINE, ODD_BODY, WAYS, ask, raw, stage};
use crate::stage::{ASK, JSON};

/// Those of a script, which has neither betas nor a version.
const PLAIN: [(&str, &str); 3] = [
    JSON,
    ("user-agent", "python-httpx/0.28.1"),
    ("accept-encoding", "gzip, deflate"),
];

/// What belongs to one connection, or is keyreeve's: all that may differ between what came in and what went out.
const OF_A_HOP: [&str; 5] = [
    "host",
    "connection",
    "content-length",
    "accept-encoding",
    "x-keyreeve-key",
];

/// Headers by name, those of one name in their order.
fn by_name<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .filter(|(name, _)| !OF_A_HOP.contains(&name.as_str()))
        .collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

/// Nothing is added, changed or missing between client and upstream.
#[track_caller]
fn check_untouched(client: &[(&str, &str)], credential: (&str, &str)) {
    let stage = stage(|_| reply::json(200, "{}"));
    let line = "POST /passthrough/v1/messages?beta=true&x=%2F%20+";
    let key = ("x-keyreeve-key", stage.key.value());
    let sent = [client, &[credential, key]].concat();
    let answer = raw(&stage, line, &sent, ODD_BODY.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.text());

    let received = &stage.upstream.requests()[0];
    assert_eq!(
        received.head.line,
        "POST /v1/messages?beta=true&x=%2F%20+ HTTP/1.1"
    );
    assert_eq!(received.body, ODD_BODY.as_bytes());
    let got = received.head.headers.iter();
    assert_eq!(
        by_name(got.map(|(name, value)| (name.as_str(), value.as_str()))),
        by_name(sent.iter().copied())
    );
    // Of what is a hop's own there is what framing needs, and that the usage can be read.
    let length = ODD_BODY.len().to_string();
    let address = stage.upstream.address().to_string();
    for (name, expected) in [
        ("host", vec![address.as_str()]),
        ("content-length", vec![length.as_str()]),
        ("accept-encoding", vec!["identity"]),
        ("connection", vec![]),
        ("x-keyreeve-key", vec![]),
    ] {
        let got: Vec<_> = received.head.all(name).collect();
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn su_03_nothing_is_added_to_what_a_client_says_of_itself_nor_taken_away() {
    let login = Canary::oauth("untouched");
    let api_key = Canary::api_key("untouched-key");
    let bearer = format!("Bearer {}", login.value());
    let odd = format!("bearer   {}", api_key.value());
    for client in [&GENUINE[..], &PLAIN[..], &[]] {
        check_untouched(client, ("authorization", &bearer));
        check_untouched(client, ("Authorization", &odd));
        check_untouched(client, ("x-api-key", api_key.value()));
    }
}

#[test]
fn su_03_two_credentials_of_the_clients_own_both_pass() {
    let stage = stage(|_| reply::json(200, "{}"));
    let api_key = Canary::api_key("beside");
    ask(
        &stage,
        "POST /passthrough/v1/messages",
        &[JSON, ("x-api-key", api_key.value())],
        ASK,
    );
    let expected = [
        (
            "authorization".to_owned(),
            format!("Bearer {}", stage.own.value()),
        ),
        ("x-api-key".to_owned(), api_key.value().to_owned()),
    ];
    assert_eq!(stage.upstream.requests()[0].credentials(), expected);
    // Which of them the vendor takes is not known: it may be money.
    assert_eq!(stage.row().1.basis, Some(Basis::AtMost));
}

#[test]
fn each_way_leads_where_it_says_with_and_without_its_version() {
    let stage = stage(|_| reply::json(200, "{}"));
    for (asked, forwarded) in WAYS {
        let spellings = if asked.contains("/v1/") {
            ["/passthrough/", "/passthrough/v1/", "/passthrough/v1/v1/"]
                .map(|start| asked.replacen("/passthrough/v1/", start, 1))
                .to_vec()
        } else {
            let versioned = asked.replacen("/passthrough/", "/passthrough/v1/", 1);
            vec![asked.to_owned(), versioned]
        };
        for line in spellings {
            let body = if line.starts_with("POST") { ASK } else { b"" };
            let before = stage.upstream.requests().len();
            let answer = ask(&stage, &line, &[JSON], body);
            assert_eq!(answer.status(), 200, "{line}: {}", answer.text());
            let requests = stage.upstream.requests();
            assert_eq!(requests.len(), before + 1);
            assert_eq!(
                requests[before].head.line,
                format!("{forwarded} HTTP/1.1"),
                "{line}"
            );
        }
    }
}

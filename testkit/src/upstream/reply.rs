//! The answers that tests want most often, as steps of a [`super::Scripted`] upstream.

use std::time::Duration;

use super::scripted::{Received, Step};

/// A whole JSON answer with its length, on a connection that stays open.
pub fn json(status: u16, body: &str) -> Vec<Step> {
    with_headers(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// A whole answer with its length and these headers.
pub fn with_headers(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let length = body.len().to_string();
    let mut bytes = head(status, &[headers, &[("content-length", &length)]].concat());
    bytes.extend_from_slice(body);
    vec![Step::Send(bytes)]
}

/// A chunked event stream, each piece a chunk and a write of its own, and the end that the framing asks for.
pub fn stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Step> {
    stream_with(&[], pieces)
}

/// The same with these headers beside those of a stream.
pub fn stream_with<'a>(
    headers: &[(&str, &str)],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Step> {
    let mut steps = vec![Step::Send(head(200, &[headers, &STREAM].concat()))];
    steps.extend(pieces.into_iter().map(|piece| Step::Send(chunk(piece))));
    steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    steps
}

/// Another answer with a pause before each of its writes.
pub fn paced(steps: Vec<Step>, pause: Duration) -> Vec<Step> {
    steps
        .into_iter()
        .flat_map(|step| [Step::Pause(pause), step])
        .collect()
}

/// Another answer cut off after `length` of its bytes, with `ending`; whole, and then ended, if it is not that long.
pub fn cut(steps: Vec<Step>, length: usize, ending: Step) -> Vec<Step> {
    let (mut kept, mut left) = (Vec::new(), length);
    for step in steps {
        match step {
            Step::Send(bytes) if bytes.len() >= left => {
                kept.push(Step::Send(bytes[..left].to_vec()));
                break;
            }
            Step::Send(bytes) => {
                left -= bytes.len();
                kept.push(Step::Send(bytes));
            }
            other @ (Step::Pause(_) | Step::Close | Step::Reset | Step::Silence) => {
                kept.push(other);
            }
        }
    }
    kept.push(ending);
    kept
}

/// How many bytes an answer sends.
pub fn length(steps: &[Step]) -> usize {
    let sent = steps.iter().map(|step| match step {
        Step::Send(bytes) => bytes.len(),
        Step::Pause(_) | Step::Close | Step::Reset | Step::Silence => 0,
    });
    sent.sum()
}

/// A redirect to `location`.
pub fn redirect(status: u16, location: &str) -> Vec<Step> {
    with_headers(status, &[("location", location)], b"")
}

/// An answer that holds the credential it was asked with, in a header and in its JSON body.
pub fn echo(status: u16, request: &Received) -> Vec<Step> {
    let values: Vec<_> = request
        .credentials()
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    let echoed = values.join(" ");
    let error =
        serde_json::json!({"type": "invalid_request_error", "message": format!("not {echoed}")});
    let body = serde_json::json!({"type": "error", "error": error}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-echo", echoed.as_str()),
    ];
    with_headers(status, &headers, body.as_bytes())
}

/// A good answer behind `count` headers of 1 KiB each.
pub fn header_bomb(count: usize) -> Vec<Step> {
    let names: Vec<_> = (0..count)
        .map(|number| format!("x-bomb-{number}"))
        .collect();
    let value = "b".repeat(1 << 10);
    let headers: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), value.as_str()))
        .collect();
    with_headers(200, &headers, b"{}")
}

/// Nothing at all, on a connection that stays open.
pub fn silence() -> Vec<Step> {
    vec![Step::Silence]
}

/// The head of a chunked event stream.
pub fn stream_head() -> Vec<u8> {
    head(200, &STREAM)
}

const STREAM: [(&str, &str); 2] = [
    ("content-type", "text/event-stream"),
    ("transfer-encoding", "chunked"),
];

/// One chunk, framed. An empty one would end the stream, so there is none.
pub fn chunk(piece: &[u8]) -> Vec<u8> {
    if piece.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines: String = lines.collect();
    format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n").into_bytes()
}

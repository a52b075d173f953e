//! Common responses, as steps of a [`super::Scripted`] upstream.

use std::time::Duration;

use super::scripted::{ReceivedRequest, Step};

/// Returns a complete JSON response with `content-length`, on a connection that stays open.
pub fn json(status: u16, body: &str) -> Vec<Step> {
    with_headers(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// Returns a complete response with `content-length` and these headers.
pub fn with_headers(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let length = body.len().to_string();
    let mut bytes = head(status, &[headers, &[("content-length", &length)]].concat());
    bytes.extend_from_slice(body);
    vec![Step::Send(bytes)]
}

/// Returns a chunked event stream with the final chunk; each piece is a chunk and a write of its own.
pub fn stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Step> {
    stream_with(&[], pieces)
}

/// As [`stream`], with additional headers.
pub fn stream_with<'a>(
    headers: &[(&str, &str)],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Step> {
    let mut steps = vec![Step::Send(head(200, &[headers, &STREAM].concat()))];
    steps.extend(pieces.into_iter().map(|piece| Step::Send(chunk(piece))));
    steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    steps
}

/// Adds a pause before each write of a response.
pub fn paced(steps: Vec<Step>, pause: Duration) -> Vec<Step> {
    steps
        .into_iter()
        .flat_map(|step| [Step::Pause(pause), step])
        .collect()
}

/// Cuts a response after `length` bytes and appends `ending`. A shorter response is sent completely.
pub fn cut(steps: Vec<Step>, length: usize, ending: Step) -> Vec<Step> {
    let (mut cut, mut remaining) = (Vec::new(), length);
    for step in steps {
        match step {
            Step::Send(bytes) if bytes.len() >= remaining => {
                cut.push(Step::Send(bytes[..remaining].to_vec()));
                break;
            }
            Step::Send(bytes) => {
                remaining -= bytes.len();
                cut.push(Step::Send(bytes));
            }
            other @ (Step::Pause(_) | Step::Close | Step::Reset | Step::Hang) => {
                cut.push(other);
            }
        }
    }
    cut.push(ending);
    cut
}

/// Returns the number of bytes that a response sends.
pub fn length(steps: &[Step]) -> usize {
    let sent = steps.iter().map(|step| match step {
        Step::Send(bytes) => bytes.len(),
        Step::Pause(_) | Step::Close | Step::Reset | Step::Hang => 0,
    });
    sent.sum()
}

/// Returns a redirect to `location`.
pub fn redirect(status: u16, location: &str) -> Vec<Step> {
    with_headers(status, &[("location", location)], b"")
}

/// Returns a response that echoes the request's credential, in a header and in its JSON body.
pub fn echo_credentials(status: u16, request: &ReceivedRequest) -> Vec<Step> {
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

/// Returns a successful response with `count` headers of 1 KiB each.
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

/// Sends nothing, on a connection that stays open.
pub fn hang() -> Vec<Step> {
    vec![Step::Hang]
}

/// Returns the head of a chunked event stream.
pub fn stream_head() -> Vec<u8> {
    head(200, &STREAM)
}

const STREAM: [(&str, &str); 2] = [
    ("content-type", "text/event-stream"),
    ("transfer-encoding", "chunked"),
];

/// Encodes one chunk. An empty piece gives no bytes, because an empty chunk would end the stream.
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

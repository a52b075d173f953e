//! Load of many streams at once; counts events that are lost or late.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::arguments::Arguments;
use crate::http1::messages_body;
use crate::print_line;
use crate::runtime;
use crate::stream_upstream::now_nanos;
use crate::timings::Timings;

/// Time over which the streams start, so that their events do not fall on the same instant.
const RAMP: Duration = Duration::from_millis(1030);

/// Events that one stream received.
#[derive(Default)]
struct Received {
    /// From sent to received, of each event in its order.
    delays: Timings,
    has_ended: bool,
}

/// Opens `--streams` at `--port` with `--key`, expects `--events` in each, and prints counts and delays.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let port: u16 = arguments.parsed("port")?;
    let streams: u32 = arguments.parsed("streams")?;
    let events: usize = arguments.parsed("events")?;
    let late = Duration::from_millis(arguments.parsed("late-ms")?);
    let key = arguments.required("key")?.to_owned();
    ensure!(streams > 0, "--streams cannot be 0");
    let body = Bytes::from(messages_body(1024).replacen('{', "{\"stream\":true,", 1));
    runtime::block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..streams)
            .map(|index| {
                let (key, body) = (key.clone(), body.clone());
                tokio::spawn(async move {
                    sleep_until(start + RAMP * index / streams).await;
                    let mut received = Received::default();
                    let read = read_stream((port, &key), body, &mut received).await;
                    (received, read)
                })
            })
            .collect();
        let (mut delays, mut lost, mut unfinished) = (Timings::default(), 0, 0);
        for task in tasks {
            let (received, read) = task.await?;
            lost += events.saturating_sub(received.delays.count());
            if read.is_err() || !received.has_ended {
                unfinished += 1;
            }
            delays.extend(received.delays);
        }
        let result = json!({
            "events": delays.count(),
            "lost": lost,
            "unfinished": unfinished,
            "late": delays.count_above(late),
            "p50_micros": delays.percentile_micros(50),
            "p99_micros": delays.percentile_micros(99),
        });
        print_line(&result.to_string());
        Ok(())
    })
}

async fn read_stream((port, key): (u16, &str), body: Bytes, received: &mut Received) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post("/v1/messages")
        .header("host", format!("127.0.0.1:{port}"))
        .header("x-api-key", key)
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    ensure!(response.status() == 200, "status {}", response.status());
    let read = read_events(response.into_body(), received).await;
    connection.abort();
    read
}

async fn read_events(mut body: Incoming, received: &mut Received) -> Result<()> {
    let mut buffer = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let now = now_nanos();
            buffer.extend_from_slice(&data);
            while let Some(end) = buffer.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = buffer.drain(..end + 2).collect();
                received.add(&event, now)?;
            }
        }
    }
    Ok(())
}

impl Received {
    /// Adds an event; fails if it is not the next one.
    fn add(&mut self, event: &[u8], now: u128) -> Result<()> {
        let text = std::str::from_utf8(event).context("an event is no text")?;
        self.has_ended |= text.contains("message_stop");
        if let Some((_, content)) = text.split_once("\"text_delta\",\"text\":\"") {
            let mut words = content.split(' ');
            let number: usize = words.next().unwrap_or_default().parse()?;
            let sent: u128 = words.next().unwrap_or_default().parse()?;
            ensure!(
                number == self.delays.count() + 1,
                "event {number} is out of order"
            );
            let nanos = u64::try_from(now.saturating_sub(sent)).unwrap_or(u64::MAX);
            self.delays.push(Duration::from_nanos(nanos));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Received;

    #[test]
    fn events_are_counted_in_their_order() {
        let delta = |number: u32| format!("\"type\":\"text_delta\",\"text\":\"{number} 1000 \"");
        let mut received = Received::default();
        received.add(b"event: message_start", 0).unwrap();
        received.add(delta(1).as_bytes(), 3000).unwrap();
        assert!(received.add(delta(3).as_bytes(), 3000).is_err());
        assert!((received.delays.percentile_micros(50) - 2.0).abs() < 1e-6);
        assert!(!received.has_ended);
        received.add(b"event: message_stop", 0).unwrap();
        assert!(received.has_ended);
    }
}

//! A simulated upstream that answers each request with an event stream of the Messages API at a fixed pace. Each event
//! contains its number and the time at which it was sent.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::Response;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::arguments::Arguments;
use crate::runtime;

/// Returns the time since 1970, by which both ends of a stream compare times in nanoseconds.
pub(crate) fn now_nanos() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}

/// Serves streams of `--events` text events, one each `--interval-ms`, at `--port`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let events: u32 = arguments.parsed("events")?;
    let interval = Duration::from_millis(arguments.parsed("interval-ms")?);
    runtime::block_on(runtime::serve(arguments, move |request| async move {
        // The request is read to its end, as an API does.
        let _body = request.into_body().collect().await;
        Ok::<_, Infallible>(respond(EventStream::new(events, interval)))
    }))
}

fn respond(stream: EventStream) -> Response<EventStream> {
    let mut response = Response::new(stream);
    let headers = response.headers_mut();
    let mut insert = |name, value| headers.insert(name, http::HeaderValue::from_static(value));
    insert("content-type", "text/event-stream; charset=utf-8");
    insert("request-id", "req_made_up");
    insert("anthropic-organization-id", "org_made_up");
    insert("anthropic-ratelimit-requests-limit", "4000000");
    insert("anthropic-ratelimit-requests-remaining", "3999999");
    insert("anthropic-ratelimit-requests-reset", "2099-01-01T00:00:00Z");
    insert("anthropic-ratelimit-tokens-limit", "400000000");
    insert("anthropic-ratelimit-tokens-remaining", "399999000");
    insert("anthropic-ratelimit-tokens-reset", "2099-01-01T00:00:00Z");
    response
}

/// The rest of a stream.
struct EventStream {
    ticks: Pin<Box<Interval>>,
    /// Number of the next event; the first is `message_start`.
    next: u32,
    events: u32,
}

impl EventStream {
    fn new(events: u32, interval: Duration) -> Self {
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ticks: Box::pin(ticks),
            next: 0,
            events,
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.next > self.events + 1 {
            return Poll::Ready(None);
        }
        if self.next > 0 {
            ready!(self.ticks.as_mut().poll_tick(context));
        }
        let text = match self.next {
            0 => START.to_owned(),
            number if number <= self.events => delta(number),
            _ => end(self.events),
        };
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

const START: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_made_up\",\"type\":\"message\",",
    "\"role\":\"assistant\",\"model\":\"claude-haiku-5-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,",
    "\"usage\":{\"input_tokens\":300,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,",
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
);

fn delta(number: u32) -> String {
    let mut text = String::with_capacity(192);
    let written = write!(
        text,
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{number} {} \"}}}}\n\n",
        now_nanos()
    );
    debug_assert!(written.is_ok());
    text
}

fn end(output_tokens: u32) -> String {
    format!(
        "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\n\
         event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\",\
         \"stop_sequence\":null}},\"usage\":{{\"output_tokens\":{output_tokens}}}}}\n\n\
         event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
    )
}

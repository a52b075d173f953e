//! The log of `serve`: events and messages as lines on standard error, written by a thread of their own.
//!
//! Invariants: nothing that logs waits for standard error, which may be a pipe that no process reads; lost lines are counted
//! and reported in the log; a line stays one line; the text of a panic is not logged, because it can quote a request.

mod layer;
mod line;
mod queue;

use std::cell::RefCell;
use std::io::Write;
use std::panic;
use std::sync::Arc;
use std::time::Duration;

use keyreeve_os::system;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{CommandError, Exit};
use crate::settings::{LogFormat, LogLevel};
use layer::LogLayer;
use line::{LineBuilder, LineHead};
use queue::LogQueue;

/// Target of our own lines in the log.
const TARGET: &str = "keyreeve::log";
/// Maximum time to write the last lines when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

thread_local! {
    /// The line that a thread is writing; reused, so that a line costs no allocation.
    static LINE: RefCell<LineBuilder> = RefCell::default();
}

/// Appearance of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct LogStyle {
    /// Text or JSON.
    pub(crate) format: LogFormat,
    /// Color of text.
    pub(crate) color: LogColor,
}

/// Color mode of log lines in text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum LogColor {
    /// No color.
    #[default]
    Plain,
    /// Colors of a terminal.
    Colored,
}

/// A running log.
#[derive(Debug)]
pub(crate) struct Log {
    queue: LogQueue,
    style: LogStyle,
}

impl Log {
    /// Starts a log that writes to `out`.
    ///
    /// # Errors
    /// If the system cannot create a thread.
    fn start(style: LogStyle, out: impl Write + Send + 'static) -> Result<Arc<Self>, CommandError> {
        let queue = LogQueue::start(out, move |lost| lost_lines(style, lost)).map_err(|error| {
            CommandError::new(Exit::Failed, "cannot start the log").caused_by(&error)
        })?;
        Ok(Arc::new(Self { queue, style }))
    }

    /// Returns the format of the lines.
    pub(crate) fn format(&self) -> LogFormat {
        self.style.format
    }

    /// Writes text as it is; it ends with a line feed.
    pub(crate) fn push_text(&self, text: &str) {
        self.queue.push(text.as_bytes());
    }

    /// Writes a message with named values as one line.
    pub(crate) fn push_message(&self, level: Level, message: &str, values: &[(&str, &str)]) {
        self.push_line(level, "keyreeve", |line| {
            line.message(format_args!("{message}"));
            for (name, value) in values {
                line.text(name, value);
            }
        });
    }

    /// Writes one line.
    fn push_line(&self, level: Level, target: &str, fill: impl FnOnce(&mut LineBuilder)) {
        let write = |line: &mut LineBuilder| {
            let now = system::now();
            line.start(self.style, LineHead { now, level, target });
            fill(line);
            self.queue.push(line.finish().as_bytes());
        };
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => write(&mut line),
            // A value that logs while it is formatted.
            Err(_) => write(&mut LineBuilder::default()),
        });
    }

    /// Writes the last lines and ends the log. Gives up on lines that standard error does not take in time.
    pub(crate) fn finish(&self) {
        self.queue.finish(FLUSH_TIMEOUT);
    }
}

/// Starts the log on standard error and sends all events and panics to it: our own crates at the configured level, all
/// others at most at `warn`. `RUST_LOG` is ignored: it could enable logs of other crates that may contain secrets.
///
/// # Errors
/// If the system cannot create a thread.
pub(crate) fn init(level: LogLevel, style: LogStyle) -> Result<Arc<Log>, CommandError> {
    let log = Log::start(style, std::io::stderr())?;
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = ["keyreeve", "keyreeve_gateway", "keyreeve_broker"].map(|target| (target, level));
    let targets = Targets::new()
        .with_targets(ours)
        .with_default(level.min(LevelFilter::WARN));
    tracing_subscriber::registry()
        .with(targets)
        .with(LogLayer::new(Arc::clone(&log)))
        .init();
    let for_panics = Arc::clone(&log);
    panic::set_hook(Box::new(move |info| log_panic(&for_panics, info)));
    Ok(log)
}

/// Logs where a thread panicked. The default hook writes to standard error itself and would wait for it.
fn log_panic(log: &Log, info: &panic::PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    log.push_line(Level::ERROR, TARGET, |line| {
        line.message(format_args!("panic"));
        line.text("location", location.as_deref().unwrap_or("unknown"));
        line.text("thread", thread.name().unwrap_or("unnamed"));
    });
}

/// Returns the line that reports lost lines.
fn lost_lines(style: LogStyle, lost: u64) -> String {
    let mut line = LineBuilder::default();
    let head = LineHead {
        now: system::now(),
        level: Level::WARN,
        target: TARGET,
    };
    line.start(style, head);
    line.message(format_args!(
        "log lines lost: standard error could not take them in time"
    ));
    line.value("lost", format_args!("{lost}"));
    line.finish().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Standard error of a test.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines that `events` writes, with their times replaced.
    fn lines_of(format: LogFormat, color: LogColor, events: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let log = Log::start(LogStyle { format, color }, written.clone()).unwrap();
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&log)));
        tracing::subscriber::with_default(subscriber, events);
        log.finish();
        let written = written.0.lock().unwrap();
        let text = std::str::from_utf8(&written).unwrap();
        assert!(text.ends_with('\n'), "{text:?}");
        text.lines().map(without_time).collect()
    }

    /// Replaces `2026-12-01T10:00:00.000001Z`.
    fn without_time(line: &str) -> String {
        let start = line.find("20").unwrap();
        let (time, rest) = line[start..].split_at("2026-12-01T10:00:00.000001Z".len());
        let _valid: jiff::Timestamp = time.parse().unwrap();
        assert!(time.ends_with('Z'), "{time}");
        [&line[..start], "[TIME]", rest].concat()
    }

    fn attempt() {
        tracing::info!(
            request = %"req_1",
            key = "my key",
            status = Some(200_u16),
            verdict = None::<&str>,
            input = 12_u64,
            cost_usd = %"0.0012",
            share = 0.5,
            cut = true,
            "attempt",
        );
    }

    #[test]
    fn text_lines_have_named_values() {
        let line = "[TIME]  INFO keyreeve::log::tests: attempt request=req_1 key=\"my key\" status=200 input=12 \
                    cost_usd=0.0012 share=0.5 cut=true";
        assert_eq!(lines_of(LogFormat::Text, LogColor::Plain, attempt), [line]);
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let line = concat!(
            r#"{"timestamp":"[TIME]","level":"INFO","target":"keyreeve::log::tests","message":"attempt","#,
            r#""request":"req_1","key":"my key","status":200,"input":12,"cost_usd":"0.0012","share":0.5,"cut":true}"#
        );
        assert_eq!(lines_of(LogFormat::Json, LogColor::Plain, attempt), [line]);
    }

    #[test]
    fn colors_mark_level_time_and_target() {
        let lines = lines_of(LogFormat::Text, LogColor::Colored, || {
            tracing::warn!(n = 1, "slow");
        });
        let line = "\u{1b}[2m[TIME]\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m \u{1b}[2mkeyreeve::log::tests:\u{1b}[0m slow n=1";
        assert_eq!(lines, [line]);
    }

    /// BI-08: text from outside adds no line, no field and no control character to the log.
    #[test]
    fn text_from_outside_is_sanitized() {
        let nasty = "a\nb \u{1b}[2J\u{9b}\u{202e}\u{2028} \"q\" \\ status=500 \u{e9}";
        let log_all = || {
            tracing::warn!(error = %nasty, key = nasty, debug = ?nasty, "{nasty}");
        };
        let text = lines_of(LogFormat::Text, LogColor::Plain, log_all);
        assert_eq!(text.len(), 1, "{text:?}");
        let live = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!text[0].contains(live), "{text:?}");
        let quoted = r#""a\u{a}b \u{1b}[2J\u{9b}\u{202e}\u{2028} \"q\" \\ status=500 é""#;
        assert!(
            text[0].contains(&format!(" error={quoted} key={quoted} debug=")),
            "{text:?}"
        );

        let json = lines_of(LogFormat::Json, LogColor::Plain, log_all);
        assert_eq!(json.len(), 1, "{json:?}");
        assert!(
            json[0].bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{json:?}"
        );
        let object: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
        for name in ["message", "error", "key"] {
            assert_eq!(object[name], nasty, "{json:?}");
        }
    }

    /// F-21, PR-01: a panic is logged by its place, without its text, and without a wait for standard error.
    #[test]
    fn panic_is_logged_without_its_text() {
        let written = Written::default();
        let log = Log::start(LogStyle::default(), written.clone()).unwrap();
        let (for_panics, default_hook) = (Arc::clone(&log), panic::take_hook());
        panic::set_hook(Box::new(move |info| log_panic(&for_panics, info)));
        let result = panic::catch_unwind(|| {
            let text = std::hint::black_box("a\u{e9}secret");
            text[2..].len()
        });
        panic::set_hook(default_hook);
        assert!(result.is_err());
        log.finish();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(
            text.contains("ERROR keyreeve::log: panic location=\"keyreeve/src/log/mod.rs:"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn long_values_are_truncated() {
        let long = "x".repeat(5000);
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = lines_of(format, LogColor::Plain, || tracing::warn!(%long, "m"));
            let count = lines[0].matches('x').count();
            assert!((2000..=2048).contains(&count), "{count}");
        }
    }
}

//! Writes each tracing event as one line of the log.

use std::fmt;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Log;
use super::line::LineBuilder;

/// The layer that sends events to the log.
pub(super) struct LogLayer {
    log: Arc<Log>,
}

impl LogLayer {
    /// Creates the layer.
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self { log }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        self.log
            .push_line(*metadata.level(), metadata.target(), |line| {
                event.record(&mut Fields(line));
            });
    }
}

/// Adds the fields of an event to a line.
struct Fields<'a>(&'a mut LineBuilder);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.message(format_args!("{value}"));
        } else {
            self.0.text(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.message(format_args!("{value:?}"));
        } else {
            self.0.display(field.name(), format_args!("{value:?}"));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.value(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.value(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.value(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.0.value(field.name(), format_args!("{value}"));
        } else {
            // JSON has no such number.
            self.0.display(field.name(), format_args!("{value}"));
        }
    }
}

//! A bounded queue of log lines, and the thread that writes them.
//!
//! Invariants: [`LogQueue::push`] never waits for the output and allocates only until the queue has grown; the queue has a
//! maximum size, beyond which lines are lost and counted; a line is written whole or counted as lost, and its rest never
//! runs into the next one.

use std::io::{ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Maximum size in bytes of the lines that wait: some 4,000 requests.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;
/// Size in bytes up to which a buffer stays allocated.
const RETAINED_BYTES: usize = 64 * 1024;
/// Minimum interval between two writes: under load, lines are written together, and a thread that logs rarely has to wake
/// the writer. A killed process loses the lines since the last write.
const WRITE_INTERVAL: Duration = Duration::from_millis(10);

/// A queue of lines with its writer.
#[derive(Debug)]
pub(super) struct LogQueue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signaled for a new line while the writer waits, and at the end.
    changed: Condvar,
    /// Signaled when the writer has written everything.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queued: Vec<u8>,
    /// Lines that did not fit since the last batch was taken.
    lost: u64,
    /// `true` while the writer waits for a line.
    is_waiting: bool,
    /// `true` once no more lines are accepted.
    is_closing: bool,
    has_ended: bool,
}

impl LogQueue {
    /// Starts the thread that writes to `out`. `report_lost` returns the line that reports a number of lost lines.
    ///
    /// # Errors
    /// If the system cannot create a thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        report_lost: impl Fn(u64) -> String + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writer = LogWriter {
            shared: Arc::clone(&shared),
            out,
            report_lost,
            lost: 0,
            is_torn: false,
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self { shared })
    }

    /// Adds a line, which ends with a line feed, or counts it as lost.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.is_closing || state.queued.len() + line.len() > MAX_QUEUED_BYTES {
            state.lost = state.lost.saturating_add(1);
            return;
        }
        state.queued.extend_from_slice(line);
        let wakes = mem::take(&mut state.is_waiting);
        drop(state);
        if wakes {
            self.shared.changed.notify_one();
        }
    }

    /// Accepts no more lines, and waits until all are written, at most `timeout`.
    pub(super) fn finish(&self, timeout: Duration) {
        let mut state = self.shared.lock();
        state.is_closing = true;
        self.shared.changed.notify_one();
        // A writer that does not end in time is stuck in the output, and ends with the process.
        let _stuck = self
            .shared
            .ended
            .wait_timeout_while(state, timeout, |state| !state.has_ended);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and swaps them for the empty `batch`. Returns the number of lines lost after them, or `None` at the
    /// end.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let pause = |state| {
            self.changed
                .wait_timeout_while(state, WRITE_INTERVAL, |state: &mut State| !state.is_closing)
        };
        let mut state = pause(self.lock()).unwrap_or_else(PoisonError::into_inner).0;
        while state.queued.is_empty() && !state.is_closing {
            state.is_waiting = true;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_waiting = false;
        if state.queued.is_empty() {
            return None;
        }
        mem::swap(&mut state.queued, batch);
        Some(mem::take(&mut state.lost))
    }
}

/// The thread that writes.
struct LogWriter<W, F> {
    shared: Arc<Shared>,
    out: W,
    report_lost: F,
    /// Lost lines that have not been reported.
    lost: u64,
    /// `true` if the last write ended within a line.
    is_torn: bool,
}

impl<W: Write, F: Fn(u64) -> String> LogWriter<W, F> {
    fn run(mut self) {
        let mut batch = Vec::new();
        while let Some(lost) = self.shared.next_batch(&mut batch) {
            let unwritten = self.write(&batch);
            let lines = unwritten.split_inclusive(|byte| *byte == b'\n').count();
            self.lost = self
                .lost
                .saturating_add(lost)
                .saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
            self.report();
            batch.clear();
            batch.shrink_to(RETAINED_BYTES);
        }
        self.report();
        self.shared.lock().has_ended = true;
        self.shared.ended.notify_all();
    }

    /// Reports lost lines, or keeps their number for the next time.
    fn report(&mut self) {
        if self.lost > 0 {
            let line = (self.report_lost)(self.lost);
            if self.write(line.as_bytes()).is_empty() {
                self.lost = 0;
            }
        }
    }

    /// Writes lines, and returns those that could not be written.
    fn write<'a>(&mut self, lines: &'a [u8]) -> &'a [u8] {
        if mem::take(&mut self.is_torn) && !self.write_some(b"\n").is_empty() {
            self.is_torn = true;
            return lines;
        }
        let unwritten = self.write_some(lines);
        let written = &lines[..lines.len() - unwritten.len()];
        self.is_torn = written.last().is_some_and(|last| *last != b'\n');
        unwritten
    }

    /// Writes bytes until one cannot be written, and returns the rest.
    fn write_some<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => break,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                // Another process made the pipe or terminal nonblocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(WRITE_INTERVAL);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use tokio::time::Instant;

    use super::*;

    /// An output whose behavior a test controls.
    #[derive(Clone, Default)]
    struct TestOutput(Arc<(Mutex<OutputState>, Condvar)>);

    #[derive(Default)]
    struct OutputState {
        written: Vec<u8>,
        is_stuck: bool,
        /// Bytes it takes before every write fails.
        room: Option<usize>,
    }

    impl TestOutput {
        fn change(&self, change: impl FnOnce(&mut OutputState)) {
            change(&mut self.0.0.lock().unwrap());
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.0.lock().unwrap().written.clone()).unwrap()
        }
    }

    impl Write for TestOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (state, changed) = &*self.0;
            let mut state = changed
                .wait_while(state.lock().unwrap(), |state| state.is_stuck)
                .unwrap();
            let count = bytes.len().min(state.room.unwrap_or(usize::MAX));
            if count == 0 {
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
            state.room = state.room.map(|room| room - count);
            state.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn start(out: &TestOutput) -> LogQueue {
        LogQueue::start(out.clone(), |lost| format!("lost {lost}\n")).unwrap()
    }

    fn wait_for(out: &TestOutput, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while out.text() != text {
            assert!(
                Instant::now() < deadline,
                "{:?} is not {text:?}",
                out.text()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn lines_are_written_in_order() {
        let out = TestOutput::default();
        let queue = start(&out);
        queue.push(b"a\n");
        wait_for(&out, "a\n");
        queue.push(b"b\n");
        queue.push(b"c\n");
        queue.finish(Duration::from_secs(5));
        assert_eq!(out.text(), "a\nb\nc\n");
        queue.push(b"d\n");
        assert_eq!(out.text(), "a\nb\nc\n");
    }

    /// F-21: while the output is stuck, lines are accepted up to the maximum without a wait, and the lost ones are counted
    /// after the lines before them.
    #[test]
    fn stuck_output_loses_and_counts_lines() {
        let out = TestOutput::default();
        out.change(|state| state.is_stuck = true);
        let queue = start(&out);
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        // The writer takes the first line and is stuck with it.
        queue.push(&line);
        while !queue.shared.lock().queued.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        let (sender, pushed) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..MAX_QUEUED_BYTES / line.len() + 7 {
                    queue.push(&line);
                }
                sender.send(()).unwrap();
            });
            pushed.recv_timeout(Duration::from_secs(5)).unwrap();
        });
        out.change(|state| state.is_stuck = false);
        let count = 1 + MAX_QUEUED_BYTES / line.len();
        let all = [line.repeat(count), b"lost 7\n".to_vec()].concat();
        wait_for(&out, str::from_utf8(&all).unwrap());
        queue.push(b"a\n");
        queue.finish(Duration::from_secs(5));
        assert!(out.text().ends_with("lost 7\na\n"));
    }

    /// F-21: the end of the log does not wait longer than its timeout for a stuck output.
    #[test]
    fn end_is_bounded_with_a_stuck_output() {
        let out = TestOutput::default();
        out.change(|state| state.is_stuck = true);
        let queue = start(&out);
        queue.push(b"a\n");
        let started = Instant::now();
        queue.finish(Duration::from_millis(50));
        assert!(started.elapsed() < Duration::from_secs(3));
        out.change(|state| state.is_stuck = false);
        wait_for(&out, "a\n");
    }

    /// F-21: lines that a full disk refuses are counted, and a torn line does not run into the next one.
    #[test]
    fn failed_writes_are_counted() {
        let out = TestOutput::default();
        out.change(|state| state.room = Some(3));
        let queue = start(&out);
        queue.push(b"a\nbcd\ne\n");
        wait_for(&out, "a\nb");
        queue.push(b"f\n");
        while !queue.shared.lock().is_waiting {
            thread::sleep(Duration::from_millis(1));
        }
        out.change(|state| state.room = None);
        queue.push(b"g\n");
        queue.finish(Duration::from_secs(5));
        assert_eq!(out.text(), "a\nb\ng\nlost 3\n");
    }
}

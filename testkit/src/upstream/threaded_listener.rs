//! A loopback listener with a thread per connection and a log of all received bytes.
//!
//! Invariants: connections are numbered in the order in which they are accepted; dropping the listener stops
//! everything.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running listener.
pub(super) struct ThreadedListener {
    address: SocketAddr,
    log: Arc<ConnectionLog>,
    accepting: Option<JoinHandle<()>>,
}

/// Received bytes of each connection, and a stop flag.
#[derive(Default)]
pub(super) struct ConnectionLog {
    stopped: AtomicBool,
    connections: Mutex<BTreeMap<usize, Vec<u8>>>,
}

/// Listens on a free port.
pub(super) fn free_port() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port")
}

impl ThreadedListener {
    /// Serves each connection with `serve`. Reads time out after `poll_interval`, so that `serve` can check for a stop.
    pub(super) fn start(
        listener: TcpListener,
        poll_interval: Duration,
        serve: impl Fn(TcpStream, usize, &ConnectionLog) + Send + Sync + 'static,
    ) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let log = Arc::new(ConnectionLog::default());
        let for_thread = Arc::clone(&log);
        let serve = Arc::new(move |stream: TcpStream, number, log: &ConnectionLog| {
            stream
                .set_read_timeout(Some(poll_interval))
                .expect("a nonzero timeout can be set");
            serve(stream, number, log);
        });
        let accepting = std::thread::spawn(move || accept(&listener, &for_thread, &serve));
        Self {
            address,
            log,
            accepting: Some(accepting),
        }
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the received bytes of each connection.
    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        lock(&self.log.connections).values().cloned().collect()
    }
}

impl Drop for ThreadedListener {
    fn drop(&mut self) {
        self.log.stopped.store(true, Ordering::Release);
        // A last connection wakes the accepting thread.
        let _woken = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

impl ConnectionLog {
    /// Appends received bytes of a connection.
    pub(super) fn append(&self, number: usize, bytes: &[u8]) {
        lock(&self.connections)
            .entry(number)
            .or_default()
            .extend_from_slice(bytes);
    }

    /// Returns `true` after the listener has been stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

fn accept<S>(listener: &TcpListener, log: &Arc<ConnectionLog>, serve: &Arc<S>)
where
    S: Fn(TcpStream, usize, &ConnectionLog) + Send + Sync + 'static,
{
    let mut connections = Vec::new();
    for (number, stream) in listener.incoming().enumerate() {
        if log.is_stopped() {
            break;
        }
        let Ok(stream) = stream else { continue };
        // Connections without any byte are logged, too.
        log.append(number, &[]);
        let (log, serve) = (Arc::clone(log), Arc::clone(serve));
        connections.push(std::thread::spawn(move || serve(stream, number, &log)));
    }
    for connection in connections {
        let _ended = connection.join();
    }
}

/// Returns `true` if a read timed out or was interrupted.
pub(super) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Locks, even after a panic of another thread: its panic is already reported, and its data is still valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

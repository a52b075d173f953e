//! A listener on loopback with a thread for each connection, and a record of what came over them.
//!
//! Invariants: connections are told apart by number, in the order in which they were taken; all of it stops when its value
//! goes.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running listener.
pub(super) struct Listening {
    address: SocketAddr,
    record: Arc<Record>,
    accepting: Option<JoinHandle<()>>,
}

/// What came over the connections, and whether it is over.
#[derive(Default)]
pub(super) struct Record {
    stopped: AtomicBool,
    connections: Mutex<BTreeMap<usize, Vec<u8>>>,
}

/// Listens on a port of its own.
pub(super) fn own_port() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port")
}

impl Listening {
    /// Serves each connection with `serve`. Whoever reads from one waits for `look` at a time, and so sees that it is over.
    pub(super) fn start(
        listener: TcpListener,
        look: Duration,
        serve: impl Fn(TcpStream, usize, &Record) + Send + Sync + 'static,
    ) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let record = Arc::new(Record::default());
        let for_thread = Arc::clone(&record);
        let serve = Arc::new(move |stream: TcpStream, number, record: &Record| {
            stream
                .set_read_timeout(Some(look))
                .expect("a time-out above zero can be set");
            serve(stream, number, record);
        });
        let accepting = std::thread::spawn(move || accept(&listener, &for_thread, &serve));
        Self {
            address,
            record,
            accepting: Some(accepting),
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte so far, connection by connection.
    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        lock(&self.record.connections).values().cloned().collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.record.stopped.store(true, Ordering::Release);
        // A last connection wakes the thread that accepts.
        let _woken = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

impl Record {
    /// Takes in what came over a connection.
    pub(super) fn came(&self, number: usize, bytes: &[u8]) {
        lock(&self.connections)
            .entry(number)
            .or_default()
            .extend_from_slice(bytes);
    }

    /// Whether nobody wants to know more.
    pub(super) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

fn accept<S>(listener: &TcpListener, record: &Arc<Record>, serve: &Arc<S>)
where
    S: Fn(TcpStream, usize, &Record) + Send + Sync + 'static,
{
    let mut connections = Vec::new();
    for (number, stream) in listener.incoming().enumerate() {
        if record.is_over() {
            break;
        }
        let Ok(stream) = stream else { continue };
        // A connection without a byte counts.
        record.came(number, &[]);
        let (record, serve) = (Arc::clone(record), Arc::clone(serve));
        connections.push(std::thread::spawn(move || serve(stream, number, &record)));
    }
    for connection in connections {
        let _ended = connection.join();
    }
}

/// Whether a read found nothing yet.
pub(super) fn is_waiting(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// A thread that failed has told so itself; what it recorded still counts.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! An upstream that sends each chunk of its response only when the test asks for it, and reports when its client
//! disconnects.
//!
//! A test that shows an order waits for events, never for time.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_testkit::upstream::responses;

/// An event stream sent chunk by chunk, on one connection.
pub(crate) struct GatedUpstream {
    address: SocketAddr,
    next: Option<Sender<Vec<u8>>>,
    disconnected: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl GatedUpstream {
    /// Starts listening.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (next, chunks) = channel();
        let (report, disconnected) = channel();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(stream, &chunks);
            let _test_may_have_ended = report.send(());
        });
        Self {
            address,
            next: Some(next),
            disconnected,
            thread: Some(thread),
        }
    }

    /// The address as a base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends the next chunk.
    pub(crate) fn send(&self, chunk: &[u8]) {
        self.send_raw(responses::chunk(chunk));
    }

    /// Sends the last chunk.
    pub(crate) fn end(&self) {
        self.send_raw(b"0\r\n\r\n".to_vec());
    }

    /// Waits until the client has closed the connection.
    pub(crate) fn client_disconnected(&self) -> bool {
        self.disconnected
            .recv_timeout(Duration::from_secs(5))
            .is_ok()
    }

    fn send_raw(&self, bytes: Vec<u8>) {
        let _client_may_be_gone = self.next.as_ref().map(|next| next.send(bytes));
    }
}

impl Drop for GatedUpstream {
    fn drop(&mut self) {
        self.next = None;
        // A connection wakes the thread if it still waits for the first one.
        let _woken = TcpStream::connect(self.address);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads one request, sends the head of a stream and then every chunk, until either side disconnects.
fn serve(mut stream: TcpStream, chunks: &Receiver<Vec<u8>>) {
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    stream.set_nodelay(true).unwrap();
    if is_disconnected(&mut stream, Duration::from_millis(500)) {
        return;
    }
    let _client_may_be_gone = stream.write_all(&responses::stream_head());
    loop {
        match chunks.recv_timeout(Duration::from_millis(5)) {
            Ok(chunk) if stream.write_all(&chunk).is_err() => return,
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if is_disconnected(&mut stream, Duration::ZERO) {
                    return;
                }
            }
        }
    }
}

/// Reads the available bytes, waiting up to `wait` for the first, and returns `true` if the client has disconnected.
fn is_disconnected(stream: &mut TcpStream, wait: Duration) -> bool {
    let timeout = stream.read_timeout().unwrap();
    if !wait.is_zero() {
        stream.set_read_timeout(Some(wait)).unwrap();
    }
    let mut request = [0; 16 << 10];
    let read = stream.read(&mut request);
    stream.set_read_timeout(timeout).unwrap();
    match read {
        Ok(count) => count == 0,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}

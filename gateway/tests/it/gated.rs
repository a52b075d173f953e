//! An upstream that sends the next piece of its answer only when the test says so, and tells when its client is gone.
//!
//! Where a test must show an order, it waits for events, never for time.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_testkit::upstream::reply;

/// An event stream that goes on piece by piece; it serves one connection.
pub(crate) struct Gated {
    address: SocketAddr,
    next: Option<Sender<Vec<u8>>>,
    gone: Receiver<()>,
    serving: Option<JoinHandle<()>>,
}

impl Gated {
    /// Starts to listen.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (next, pieces) = channel();
        let (tell, gone) = channel();
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(stream, &pieces);
            let _nobody_asks = tell.send(());
        });
        Self {
            address,
            next: Some(next),
            gone,
            serving: Some(serving),
        }
    }

    /// Its address as a base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the answer go on with this piece, as one chunk.
    pub(crate) fn send(&self, piece: &[u8]) {
        self.send_raw(reply::chunk(piece));
    }

    /// Ends the answer as its framing asks.
    pub(crate) fn end(&self) {
        self.send_raw(b"0\r\n\r\n".to_vec());
    }

    /// Waits until the connection has been closed by its client.
    pub(crate) fn sees_its_client_go(&self) -> bool {
        self.gone.recv_timeout(Duration::from_secs(5)).is_ok()
    }

    fn send_raw(&self, bytes: Vec<u8>) {
        let _its_client_is_gone = self.next.as_ref().map(|next| next.send(bytes));
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        self.next = None;
        // A last connection wakes a thread that still waits for its first.
        let _woken = TcpStream::connect(self.address);
        let _ended = self.serving.take().map(JoinHandle::join);
    }
}

/// Reads one request, sends the head of a stream and then every piece, until either side is gone.
fn serve(mut stream: TcpStream, pieces: &Receiver<Vec<u8>>) {
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    stream.set_nodelay(true).unwrap();
    if is_gone(&mut stream, Duration::from_millis(500)) {
        return;
    }
    let _its_client_is_gone = stream.write_all(&reply::stream_head());
    loop {
        match pieces.recv_timeout(Duration::from_millis(5)) {
            Ok(piece) if stream.write_all(&piece).is_err() => return,
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if is_gone(&mut stream, Duration::ZERO) {
                    return;
                }
            }
        }
    }
}

/// Reads what has come, waiting a while for the first of it.
fn is_gone(stream: &mut TcpStream, wait: Duration) -> bool {
    let usual = stream.read_timeout().unwrap();
    if !wait.is_zero() {
        stream.set_read_timeout(Some(wait)).unwrap();
    }
    let mut request = [0; 16 << 10];
    let read = stream.read(&mut request);
    stream.set_read_timeout(usual).unwrap();
    match read {
        Ok(count) => count == 0,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}

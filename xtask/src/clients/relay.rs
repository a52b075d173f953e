//! Stands between a client and the gateway and writes down every byte the client sends.
//!
//! Invariant: the bytes go on as they came, but for the port in `Host`, which must be the gateway's for the gateway to
//! answer; both ports have five digits, so no length changes.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::http::{Request, requests};

type Recording = Arc<Mutex<Vec<Vec<u8>>>>;

/// The relay; it listens until the program ends.
pub(super) struct Relay {
    address: SocketAddr,
    recording: Recording,
}

impl Relay {
    /// Starts to listen in front of a gateway.
    pub(super) fn start(gateway: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for the client")?;
        let address = listener.local_addr()?;
        let recording = Recording::default();
        let shared = Arc::clone(&recording);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (number, shared) = (begin(&shared), Arc::clone(&shared));
                let keep = move |bytes: &[u8]| record(&shared, number, bytes);
                thread::spawn(move || carry(client, gateway, address, &keep));
            }
        });
        Ok(Self { address, recording })
    }

    /// The address for the client, as a base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, by connection.
    pub(super) fn requests(&self) -> Vec<Request> {
        let recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recording.iter().flat_map(|bytes| requests(bytes)).collect()
    }
}

fn begin(recording: &Recording) -> usize {
    let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
    recording.push(Vec::new());
    recording.len() - 1
}

fn record(recording: &Recording, connection: usize, bytes: &[u8]) {
    recording.lock().unwrap_or_else(PoisonError::into_inner)[connection].extend_from_slice(bytes);
}

/// Carries one connection both ways until either side ends it.
fn carry(client: TcpStream, gateway: SocketAddr, here: SocketAddr, record: &dyn Fn(&[u8])) {
    let Ok(upstream) = TcpStream::connect(gateway) else {
        return;
    };
    let (Ok(back_from), Ok(back_to)) = (upstream.try_clone(), client.try_clone()) else {
        return;
    };
    let answers = thread::spawn(move || pump(back_from, back_to, |_| {}));
    let (from, to) = (
        here.to_string().into_bytes(),
        gateway.to_string().into_bytes(),
    );
    pump(client, upstream, |bytes| {
        record(bytes);
        replace(bytes, &from, &to);
    });
    let _ended = answers.join();
}

/// Copies until the end, then says so to the reader.
fn pump(mut from: impl Read, mut to: TcpStream, mut each: impl FnMut(&mut [u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        each(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _closed_already = to.shutdown(Shutdown::Write);
}

/// Puts the gateway's address where the relay's own stands.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    if from.len() != to.len() {
        return;
    }
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::{Relay, replace};

    #[test]
    fn bytes_are_recorded_as_sent_and_carried_with_the_other_port() {
        let gateway = TcpListener::bind("127.0.0.1:0").expect("listen");
        let relay = Relay::start(gateway.local_addr().expect("address")).expect("start");
        let sent = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", relay.address);
        let mut client = TcpStream::connect(relay.address).expect("connect");
        client.write_all(sent.as_bytes()).expect("send");
        let (mut carried, _) = gateway.accept().expect("accept");
        let mut seen = vec![0; sent.len()];
        carried.read_exact(&mut seen).expect("read");
        let seen = String::from_utf8(seen).expect("text");
        assert!(
            seen.contains(&gateway.local_addr().expect("address").to_string()),
            "{seen}"
        );
        assert_eq!(relay.requests()[0].headers[0].1, relay.address.to_string());
    }

    #[test]
    fn replacing_keeps_the_length() {
        let mut bytes = *b"Host: 127.0.0.1:40000, 127.0.0.1:40000";
        replace(&mut bytes, b"127.0.0.1:40000", b"127.0.0.1:18484");
        assert_eq!(&bytes, b"Host: 127.0.0.1:18484, 127.0.0.1:18484");
    }
}

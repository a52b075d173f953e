//! A relay between a client and the gateway that records every byte the client sends.
//!
//! Invariant: bytes are forwarded unchanged except for the port in `Host`, which the gateway requires to be its own;
//! both ports have five digits, so no length changes.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use crate::http::{Request, parse_requests};

type Recording = Arc<Mutex<Vec<Vec<u8>>>>;

/// A relay that listens until the process ends.
pub(super) struct Relay {
    address: SocketAddr,
    recording: Recording,
}

impl Relay {
    /// Starts a relay for a gateway.
    pub(super) fn start(gateway: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen for the client")?;
        let address = listener.local_addr()?;
        let recording = Recording::default();
        let shared = Arc::clone(&recording);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (number, shared) = (add_connection(&shared), Arc::clone(&shared));
                let record = move |bytes: &[u8]| append(&shared, number, bytes);
                thread::spawn(move || forward(client, gateway, address, &record));
            }
        });
        Ok(Self { address, recording })
    }

    /// Returns the base URL for the client.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far, ordered by connection.
    pub(super) fn requests(&self) -> Vec<Request> {
        let recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recording
            .iter()
            .flat_map(|bytes| parse_requests(bytes))
            .collect()
    }
}

fn add_connection(recording: &Recording) -> usize {
    let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
    recording.push(Vec::new());
    recording.len() - 1
}

fn append(recording: &Recording, connection: usize, bytes: &[u8]) {
    recording.lock().unwrap_or_else(PoisonError::into_inner)[connection].extend_from_slice(bytes);
}

/// Forwards one connection in both directions until either side closes it.
fn forward(client: TcpStream, gateway: SocketAddr, relay: SocketAddr, record: &dyn Fn(&[u8])) {
    let Ok(upstream) = TcpStream::connect(gateway) else {
        return;
    };
    let (Ok(response_from), Ok(response_to)) = (upstream.try_clone(), client.try_clone()) else {
        return;
    };
    let responses = thread::spawn(move || copy(response_from, response_to, |_| {}));
    let (from, to) = (
        relay.to_string().into_bytes(),
        gateway.to_string().into_bytes(),
    );
    copy(client, upstream, |bytes| {
        record(bytes);
        replace(bytes, &from, &to);
    });
    let _ended = responses.join();
}

/// Copies until the end of the input, then shuts down the output.
fn copy(mut from: impl Read, mut to: TcpStream, mut edit: impl FnMut(&mut [u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        edit(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _already_closed = to.shutdown(Shutdown::Write);
}

/// Replaces the relay's address with the gateway's.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    if from.len() != to.len() {
        return;
    }
    while let Some(index) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[index..index + from.len()].copy_from_slice(to);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::{Relay, replace};

    #[test]
    fn bytes_are_recorded_as_sent_and_host_is_rewritten() {
        let gateway = TcpListener::bind("127.0.0.1:0").expect("listen");
        let relay = Relay::start(gateway.local_addr().expect("address")).expect("start");
        let sent = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", relay.address);
        let mut client = TcpStream::connect(relay.address).expect("connect");
        client.write_all(sent.as_bytes()).expect("send");
        let (mut forwarded, _) = gateway.accept().expect("accept");
        let mut received = vec![0; sent.len()];
        forwarded.read_exact(&mut received).expect("read");
        let received = String::from_utf8(received).expect("text");
        assert!(
            received.contains(&gateway.local_addr().expect("address").to_string()),
            "{received}"
        );
        assert_eq!(relay.requests()[0].headers[0].1, relay.address.to_string());
    }

    #[test]
    fn host_rewrite_keeps_the_length() {
        let mut bytes = *b"Host: 127.0.0.1:40000, 127.0.0.1:40000";
        replace(&mut bytes, b"127.0.0.1:40000", b"127.0.0.1:18484");
        assert_eq!(&bytes, b"Host: 127.0.0.1:18484, 127.0.0.1:18484");
    }
}

//! TLS in front of a scripted upstream, with optional broken handshakes.
//!
//! Invariants: every byte on the wire is recorded before it is parsed; only data decrypted after a complete handshake
//! reaches the upstream.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Identity;
use super::scripted::{ReceivedRequest, Scripted, Step};
use super::threaded_listener::{ConnectionLog, ThreadedListener, free_port, is_timeout};

/// Interval at which a waiting connection checks for a stop and for data from the other side.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Behavior in the TLS handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// A complete handshake.
    Complete,
    /// Sends this many bytes of the server's first flight, then closes the connection normally.
    TruncatedAfter(usize),
    /// Offers only TLS 1.1.
    Tls11,
    /// Responds with HTTP instead of TLS.
    PlainHttp,
    /// Sends nothing, and keeps the connection open.
    NoResponse,
}

/// A running TLS upstream; dropping it stops it.
pub struct TlsUpstream {
    listener: ThreadedListener,
    upstream: Scripted,
}

struct TlsConfig {
    server_config: Arc<ServerConfig>,
    handshake: Handshake,
    upstream: SocketAddr,
}

impl TlsUpstream {
    /// Starts it with this certificate, in front of an upstream that responds with the steps that `script` returns.
    pub fn start(
        identity: Identity,
        handshake: Handshake,
        script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let upstream = Scripted::start(script);
        let config = TlsConfig {
            server_config: Arc::new(server_config(identity)),
            handshake,
            upstream: upstream.address(),
        };
        let listener =
            ThreadedListener::start(free_port(), POLL_INTERVAL, move |stream, number, log| {
                let stream = LoggedStream {
                    stream,
                    number,
                    log,
                };
                serve(stream, &config);
            });
        Self { listener, upstream }
    }

    /// Returns its base URL with the host name `localhost`.
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}", self.listener.address().port())
    }

    /// Returns the upstream that receives the decrypted requests.
    pub fn upstream(&self) -> &Scripted {
        &self.upstream
    }

    /// Returns the received bytes of each connection, encrypted as on the wire.
    pub fn wire_bytes(&self) -> Vec<Vec<u8>> {
        self.listener.bytes()
    }
}

fn server_config(identity: Identity) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate], identity.key)
        .expect("the key belongs to the certificate")
}

/// A connection that records all bytes read from it.
struct LoggedStream<'a> {
    stream: TcpStream,
    number: usize,
    log: &'a ConnectionLog,
}

impl Read for LoggedStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.log.append(self.number, &buffer[..count]);
        Ok(count)
    }
}

impl Write for LoggedStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn serve(mut stream: LoggedStream<'_>, config: &TlsConfig) {
    let response = match config.handshake {
        Handshake::Complete => return relay(stream, config),
        Handshake::NoResponse => return record_until_end(&mut stream),
        Handshake::TruncatedAfter(length) => {
            let mut flight = first_flight(&mut stream, config);
            flight.truncate(length);
            flight
        }
        Handshake::Tls11 => {
            wait_for_bytes(&mut stream);
            server_hello_of_tls_11()
        }
        Handshake::PlainHttp => {
            wait_for_bytes(&mut stream);
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()
        }
    };
    let _client_disconnected = stream.write_all(&response);
    if let Handshake::TruncatedAfter(_) = config.handshake {
        let _closed_already = stream.stream.shutdown(std::net::Shutdown::Write);
    }
    // Tests check what a client still sends after a response that it must reject.
    record_until_end(&mut stream);
}

/// Terminates TLS and relays decrypted data to the upstream and back.
fn relay(stream: LoggedStream<'_>, config: &TlsConfig) {
    let log = stream.log;
    let connection = ServerConnection::new(Arc::clone(&config.server_config))
        .expect("the configuration is valid");
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        match stream.conn.complete_io(&mut stream.sock) {
            Ok(_) => {}
            Err(error) if is_timeout(&error) && !log.is_stopped() => {}
            Err(_) => return,
        }
    }
    let Ok(mut upstream) = TcpStream::connect(config.upstream) else {
        return;
    };
    upstream
        .set_read_timeout(Some(POLL_INTERVAL))
        .expect("a nonzero timeout can be set");
    while forward(&mut stream, &mut upstream) && forward(&mut upstream, &mut stream) {
        if log.is_stopped() {
            return;
        }
    }
    stream.conn.send_close_notify();
    let _client_disconnected = stream.flush();
}

/// Forwards available data; returns `false` after the end of either side.
fn forward(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut buffer = [0; 16 << 10];
    match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => to
            .write_all(&buffer[..count])
            .and_then(|()| to.flush())
            .is_ok(),
        Err(error) => is_timeout(&error),
    }
}

/// Returns the server's first flight for this client: its hello, its certificate and its proof.
fn first_flight(stream: &mut LoggedStream<'_>, config: &TlsConfig) -> Vec<u8> {
    let mut connection = ServerConnection::new(Arc::clone(&config.server_config))
        .expect("the configuration is valid");
    let mut flight = Vec::new();
    while !connection.wants_write() && !stream.log.is_stopped() {
        match connection.read_tls(stream) {
            Ok(0) => break,
            Err(error) if !is_timeout(&error) => break,
            Ok(_) | Err(_) => {}
        }
        let _error = connection.process_new_packets();
    }
    while connection.wants_write() && connection.write_tls(&mut flight).is_ok() {}
    flight
}

/// A `ServerHello` of TLS 1.1 (RFC 4346, 7.4.1.3): version, random, no session, a cipher suite of that time.
fn server_hello_of_tls_11() -> Vec<u8> {
    const TLS_11: [u8; 2] = [3, 2];
    const RSA_AES_128_CBC_SHA: [u8; 2] = [0, 0x2f];
    let hello = [
        TLS_11.as_slice(),
        &[7; 32],
        &[0],
        &RSA_AES_128_CBC_SHA,
        &[0],
    ]
    .concat();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("it is short");
    let message = [&[2, 0, 0, length(&hello)], hello.as_slice()].concat();
    [&[22], TLS_11.as_slice(), &[0, length(&message)], &message].concat()
}

/// Waits for the first bytes from a client.
fn wait_for_bytes(stream: &mut LoggedStream<'_>) {
    let mut buffer = [0; 16 << 10];
    while let Err(error) = stream.read(&mut buffer) {
        if !is_timeout(&error) || stream.log.is_stopped() {
            return;
        }
    }
}

/// Records received bytes until the client disconnects or the listener is stopped.
fn record_until_end(stream: &mut LoggedStream<'_>) {
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if !is_timeout(&error) => return,
            Ok(_) | Err(_) => {}
        }
        if stream.log.is_stopped() {
            return;
        }
    }
}

//! TLS in front of a scripted upstream, and handshakes that go wrong on purpose.
//!
//! Invariants: every byte that comes over the wire is recorded before anything is made of it; only what was decrypted
//! after a whole handshake reaches the upstream behind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Identity;
use super::listening::{Listening, Record, is_waiting, own_port};
use super::scripted::{Received, Scripted, Step};

/// How often a waiting connection looks whether the front has been stopped, and whether the other side has spoken.
const LOOK: Duration = Duration::from_millis(5);

/// What is made of a client's first words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// All that TLS asks for.
    Whole,
    /// The server's part is cut off after so many bytes, and the connection closed in good order.
    CutAfter(usize),
    /// Only TLS 1.1 is spoken here.
    Tls11,
    /// No TLS is spoken here, but HTTP.
    Plain,
    /// Nothing is said, and the connection stays open.
    Silent,
}

/// A running front; it stops when it goes.
pub struct Tls {
    listening: Listening,
    upstream: Scripted,
}

struct Front {
    configuration: Arc<ServerConfig>,
    handshake: Handshake,
    behind: SocketAddr,
}

impl Tls {
    /// Starts a front with this certificate before an upstream that answers with what `script` says.
    pub fn start(
        identity: Identity,
        handshake: Handshake,
        script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let upstream = Scripted::start(script);
        let front = Front {
            configuration: Arc::new(configuration(identity)),
            handshake,
            behind: upstream.address(),
        };
        let listening = Listening::start(own_port(), LOOK, move |stream, number, record| {
            let wire = Wire {
                stream,
                number,
                record,
            };
            serve(wire, &front);
        });
        Self {
            listening,
            upstream,
        }
    }

    /// Its address under the name `localhost`, as a base URL.
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}", self.listening.address().port())
    }

    /// The upstream behind: all that was decrypted has come to it.
    pub fn upstream(&self) -> &Scripted {
        &self.upstream
    }

    /// Every byte that came over the wire so far, connection by connection.
    pub fn wire(&self) -> Vec<Vec<u8>> {
        self.listening.bytes()
    }
}

fn configuration(identity: Identity) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has its usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate], identity.key)
        .expect("the key is the certificate's")
}

/// A connection that records what is read from it.
struct Wire<'a> {
    stream: TcpStream,
    number: usize,
    record: &'a Record,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.record.came(self.number, &buffer[..count]);
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn serve(mut wire: Wire<'_>, front: &Front) {
    let answer = match front.handshake {
        Handshake::Whole => return relay(wire, front),
        Handshake::Silent => return listen_on(&mut wire),
        Handshake::CutAfter(length) => {
            let mut flight = first_flight(&mut wire, front);
            flight.truncate(length);
            flight
        }
        Handshake::Tls11 => {
            wait_for_words(&mut wire);
            server_hello_of_tls_11()
        }
        Handshake::Plain => {
            wait_for_words(&mut wire);
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec()
        }
    };
    let _its_client_is_gone = wire.write_all(&answer);
    if let Handshake::CutAfter(_) = front.handshake {
        let _closed_already = wire.stream.shutdown(std::net::Shutdown::Write);
    }
    // What a client still says to an answer that it must refuse is what the tests look at.
    listen_on(&mut wire);
}

/// Speaks TLS, and passes what it decrypts on to the upstream behind, and back.
fn relay(wire: Wire<'_>, front: &Front) {
    let record = wire.record;
    let connection = ServerConnection::new(Arc::clone(&front.configuration))
        .expect("the configuration is whole");
    let mut stream = StreamOwned::new(connection, wire);
    while stream.conn.is_handshaking() {
        match stream.conn.complete_io(&mut stream.sock) {
            Ok(_) => {}
            Err(error) if is_waiting(&error) && !record.is_over() => {}
            Err(_) => return,
        }
    }
    let Ok(mut behind) = TcpStream::connect(front.behind) else {
        return;
    };
    behind
        .set_read_timeout(Some(LOOK))
        .expect("a time-out above zero can be set");
    while passes(&mut stream, &mut behind) && passes(&mut behind, &mut stream) {
        if record.is_over() {
            return;
        }
    }
    stream.conn.send_close_notify();
    let _its_client_is_gone = stream.flush();
}

/// Passes on what has come; false when either side has ended.
fn passes(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut piece = [0; 16 << 10];
    match from.read(&mut piece) {
        Ok(0) => false,
        Ok(count) => to
            .write_all(&piece[..count])
            .and_then(|()| to.flush())
            .is_ok(),
        Err(error) => is_waiting(&error),
    }
}

/// What a server says first to this client: its hello, its certificate and its proof.
fn first_flight(wire: &mut Wire<'_>, front: &Front) -> Vec<u8> {
    let mut connection = ServerConnection::new(Arc::clone(&front.configuration))
        .expect("the configuration is whole");
    let mut flight = Vec::new();
    while !connection.wants_write() && !wire.record.is_over() {
        match connection.read_tls(wire) {
            Ok(0) => break,
            Err(error) if !is_waiting(&error) => break,
            Ok(_) | Err(_) => {}
        }
        let _refused = connection.process_new_packets();
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

/// Waits for the first bytes of a client.
fn wait_for_words(wire: &mut Wire<'_>) {
    let mut piece = [0; 16 << 10];
    while let Err(error) = wire.read(&mut piece) {
        if !is_waiting(&error) || wire.record.is_over() {
            return;
        }
    }
}

/// Records what comes until the client is gone or the front has been stopped.
fn listen_on(wire: &mut Wire<'_>) {
    let mut piece = [0; 16 << 10];
    loop {
        match wire.read(&mut piece) {
            Ok(0) => return,
            Err(error) if !is_waiting(&error) => return,
            Ok(_) | Err(_) => {}
        }
        if wire.record.is_over() {
            return;
        }
    }
}

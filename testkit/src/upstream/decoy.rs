//! Decoy: a listener to which nothing must ever connect.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use super::scripted::Scripted;
use crate::home::COMMAND_TIMEOUT;

/// Start of the data that a decoy sends to itself.
const MARKER: &str = "a decoy's own marker ";

/// A listener that records every connection and byte, and sends nothing.
pub struct Decoy {
    upstream: Scripted,
    port: Port,
    markers_sent: AtomicUsize,
}

/// Use of the port: exclusive, or shared with other listeners.
#[derive(Clone, Copy)]
enum Port {
    Exclusive,
    Shared,
}

impl Decoy {
    /// Starts a decoy.
    pub fn start() -> Self {
        Self::on(Scripted::start(|_| Vec::new()), Port::Exclusive)
    }

    /// Starts a decoy on a port that others can share, like an attacker that intercepts part of their connections.
    pub fn with_shared_port() -> Self {
        let upstream = Scripted::on_listener(shared_port(), |_| Vec::new());
        Self::on(upstream, Port::Shared)
    }

    fn on(upstream: Scripted, port: Port) -> Self {
        Self {
            upstream,
            port,
            markers_sent: AtomicUsize::new(0),
        }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Returns its base URL.
    pub fn base_url(&self) -> String {
        self.upstream.base_url()
    }

    /// Returns the received bytes of each connection, including connections without any byte and ones made just now.
    ///
    /// # Panics
    /// If it does not accept its own marker connection.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.settle();
        let mut received = self.upstream.bytes();
        received.retain(|bytes| !bytes.starts_with(MARKER.as_bytes()));
        received
    }

    /// Waits until all earlier connections have been accepted. Connections are accepted in order, so the last one is a
    /// marker of our own. On a shared port another listener could accept that, so there is no wait.
    fn settle(&self) {
        match self.port {
            Port::Exclusive => {}
            Port::Shared => return,
        }
        let marker = format!(
            "{MARKER}{}",
            self.markers_sent.fetch_add(1, Ordering::Relaxed)
        );
        let mut stream = TcpStream::connect(self.address()).expect("a decoy listens");
        stream
            .write_all(marker.as_bytes())
            .expect("a decoy accepts data");
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        while !self.upstream.bytes().contains(&marker.clone().into_bytes()) {
            assert!(Instant::now() < deadline, "the decoy accepts no connection");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fails the test if anything has connected.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let received = self.received();
        let sizes: Vec<_> = received.iter().map(Vec::len).collect();
        assert!(
            received.is_empty(),
            "the decoy received connections; bytes by connection: {sizes:?}"
        );
    }
}

fn shared_port() -> TcpListener {
    let open = || {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        listen(&socket, 8)?;
        Ok::<_, rustix::io::Errno>(socket)
    };
    open().expect("loopback has a free port").into()
}

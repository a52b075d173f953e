//! A listener that nobody may ever talk to.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use super::scripted::Scripted;
use crate::home::TIME_LIMIT;

/// Begins what a decoy says to itself.
const KNOCK: &str = "a decoy's own knock ";

/// Records every connection and byte, and answers nothing.
pub struct Decoy {
    listening: Scripted,
    port: Port,
    knocks: AtomicUsize,
}

/// Who else may take a connection to its port.
#[derive(Clone, Copy)]
enum Port {
    Own,
    Shared,
}

impl Decoy {
    /// Starts to listen.
    pub fn start() -> Self {
        Self::on(Scripted::start(|_| Vec::new()), Port::Own)
    }

    /// Starts to listen on a port that it lets others share, as one does who waits for part of their connections.
    pub fn sharing() -> Self {
        let listening = Scripted::listening(shared_port(), |_| Vec::new());
        Self::on(listening, Port::Shared)
    }

    fn on(listening: Scripted, port: Port) -> Self {
        Self {
            listening,
            port,
            knocks: AtomicUsize::new(0),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Its address as a base URL.
    pub fn base_url(&self) -> String {
        self.listening.base_url()
    }

    /// Every byte it got, connection by connection; a connection without a byte counts, and so does one that has just been
    /// made.
    ///
    /// # Panics
    /// When it does not take its own connection in.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.settle();
        let mut received = self.listening.bytes();
        received.retain(|bytes| !bytes.starts_with(KNOCK.as_bytes()));
        received
    }

    /// Waits until whoever came before has been taken in: connections are taken in their order, and a last one is our own.
    /// On a shared port that one could be taken by another.
    fn settle(&self) {
        match self.port {
            Port::Own => {}
            Port::Shared => return,
        }
        let knock = format!("{KNOCK}{}", self.knocks.fetch_add(1, Ordering::Relaxed));
        let mut stream = TcpStream::connect(self.address()).expect("a decoy listens");
        stream
            .write_all(knock.as_bytes())
            .expect("a decoy takes what it is sent");
        let until = Instant::now() + TIME_LIMIT;
        while !self.listening.bytes().contains(&knock.clone().into_bytes()) {
            assert!(Instant::now() < until, "the decoy takes nobody in");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fails the test if anyone has connected.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let received = self.received();
        let sizes: Vec<_> = received.iter().map(Vec::len).collect();
        assert!(
            received.is_empty(),
            "the decoy was talked to; bytes by connection: {sizes:?}"
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

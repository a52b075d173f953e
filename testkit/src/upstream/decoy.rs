//! A listener that nobody may ever talk to.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use super::scripted::Scripted;

/// Records every connection and byte, and answers nothing.
pub struct Decoy(Scripted);

impl Decoy {
    /// Starts to listen.
    pub fn start() -> Self {
        Self(Scripted::start(|_| Vec::new()))
    }

    /// Starts to listen on a port that it lets others share, as one does who waits for part of their connections.
    pub fn sharing() -> Self {
        Self(Scripted::listening(shared_port(), |_| Vec::new()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Its address as a base URL.
    pub fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// Every byte it got, connection by connection; a connection without a byte counts.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.0.bytes()
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

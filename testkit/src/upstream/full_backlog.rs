//! A port with a full accept queue: connection attempts get no response, as from a firewall that drops packets.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

/// Maximum time for a connection to succeed on a busy machine.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// A listener with a full accept queue, until dropped.
pub struct FullBacklog {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl FullBacklog {
    /// Listens, accepts nothing, and fills the queue until no further connection succeeds.
    ///
    /// # Panics
    /// If the queue never gets full.
    pub fn start() -> Self {
        let open = || {
            let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            listen(&socket, 0)?;
            Ok::<_, rustix::io::Errno>(socket)
        };
        let listener: TcpListener = open().expect("loopback has a free port").into();
        let address = address(&listener);
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            queued.push(stream);
            assert!(
                queued.len() < 64,
                "an accept queue of minimum length holds 64 connections"
            );
        }
        Self {
            listener,
            _queued: queued,
        }
    }

    /// Returns its base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}", address(&self.listener))
    }
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

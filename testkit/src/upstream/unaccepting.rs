//! A port whose queue of connections is full: who knocks hears nothing, as behind a firewall that drops.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

/// How long a connection that is taken may need on a busy machine.
const TAKEN_WITHIN: Duration = Duration::from_millis(300);

/// The full queue; it is there as long as its value.
pub struct Unaccepting {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Unaccepting {
    /// Listens, accepts nothing, and fills the queue until nobody else gets in.
    ///
    /// # Panics
    /// When it never gets full.
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
        while let Ok(stream) = TcpStream::connect_timeout(&address, TAKEN_WITHIN) {
            queued.push(stream);
            assert!(queued.len() < 64, "a queue for one takes 64");
        }
        Self {
            listener,
            _queued: queued,
        }
    }

    /// Its address as a base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}", address(&self.listener))
    }
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

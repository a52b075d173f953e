//! The listening sockets: loopback addresses only, IPv4 and IPv6.
//!
//! Invariants: no other address is ever bound; on a machine with IPv6 both families are bound on the same port, so that
//! no other program can accept connections to `localhost` on the other family.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;

use tokio::net::TcpListener;

/// The default port.
pub const DEFAULT_PORT: u16 = 8484;

/// The addresses to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listen {
    /// `127.0.0.1` and, if the machine has IPv6, `[::1]`. Port 0 selects one that is free on both.
    Loopback {
        /// The port.
        port: u16,
    },
    /// This loopback address only.
    Address(SocketAddr),
}

/// The listening sockets.
pub struct BoundListeners {
    pub(crate) listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// The reason an address cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not a loopback address.
    #[error("{0} is not a loopback address: keyreeve only serves this machine, for now")]
    NotLoopback(IpAddr),
    /// Another program listens on the address.
    #[error("{0} is already in use")]
    AddressInUse(SocketAddr),
    /// Another error of the operating system.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
}

impl BoundListeners {
    /// The addresses that are bound, the IPv4 one first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Binds all addresses, or none of them.
///
/// # Errors
/// See [`BindError`].
pub async fn bind(listen: Listen) -> Result<BoundListeners, BindError> {
    match listen {
        Listen::Address(address) if !address.ip().to_canonical().is_loopback() => {
            Err(BindError::NotLoopback(address.ip()))
        }
        Listen::Address(address) => BoundListeners::new(vec![listener(address).await?]),
        Listen::Loopback { port: 0 } => both_families_on_any_port().await,
        Listen::Loopback { port } => both_families(port).await,
    }
}

/// Tries a few ports: one that is free in one family may be in use in the other.
async fn both_families_on_any_port() -> Result<BoundListeners, BindError> {
    for _ in 0..16 {
        match both_families(0).await {
            Err(BindError::AddressInUse(_)) => {}
            result => return result,
        }
    }
    both_families(0).await
}

async fn both_families(port: u16) -> Result<BoundListeners, BindError> {
    let ipv4 = listener((Ipv4Addr::LOCALHOST, port).into()).await?;
    let port = local_address(&ipv4)?.port();
    match listener((Ipv6Addr::LOCALHOST, port).into()).await {
        Ok(ipv6) => BoundListeners::new(vec![ipv4, ipv6]),
        Err(BindError::Io { source, .. }) if has_no_ipv6(&source) => {
            BoundListeners::new(vec![ipv4])
        }
        Err(error) => Err(error),
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

async fn listener(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::AddressInUse(address),
            _ => BindError::Io { address, source },
        })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, BindError> {
    let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.local_addr().map_err(|source| BindError::Io {
        address: unknown,
        source,
    })
}

/// Copies of listening sockets, for another runtime.
pub(crate) struct ListenerCopies(Vec<std::net::TcpListener>);

impl ListenerCopies {
    /// Registers the sockets with the runtime of the caller.
    ///
    /// # Errors
    /// If the system lacks resources.
    pub(crate) fn into_tokio(self) -> io::Result<Vec<TcpListener>> {
        self.0.into_iter().map(TcpListener::from_std).collect()
    }
}

impl BoundListeners {
    /// Copies the sockets. Each copy accepts from the same queue.
    ///
    /// # Errors
    /// If the system lacks resources.
    pub(crate) fn try_clone(&self) -> io::Result<ListenerCopies> {
        let copies = self.listeners.iter().map(|listener| {
            let copy = listener.as_fd().try_clone_to_owned()?;
            Ok(std::net::TcpListener::from(copy))
        });
        Ok(ListenerCopies(copies.collect::<io::Result<_>>()?))
    }

    fn new(listeners: Vec<TcpListener>) -> Result<Self, BindError> {
        let addresses = listeners
            .iter()
            .map(local_address)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            listeners,
            addresses,
        })
    }
}

//! The addresses listened on: loopback, both families, or nothing.
//!
//! Invariants: nothing beyond loopback is ever bound; where the machine has IPv6, both families are held on the same port,
//! so that nobody else can answer for `localhost` on the other.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// The port without further wishes.
pub const USUAL_PORT: u16 = 8484;

/// Where to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listen {
    /// `127.0.0.1` and, where the machine has it, `[::1]`. Port 0: one that is free on both.
    Loopback {
        /// The port.
        port: u16,
    },
    /// This loopback address alone.
    At(SocketAddr),
}

/// The listening sockets.
pub struct Bound {
    pub(crate) listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not a loopback address.
    #[error("{0} is not a loopback address: keyreeve serves this machine only, for now")]
    BeyondLoopback(IpAddr),
    /// Somebody else has the port.
    #[error("{0} is taken")]
    Taken(SocketAddr),
    /// Something else.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Bound {
    /// The addresses that are listened on, the IPv4 one first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Binds the addresses; all of them or none.
///
/// # Errors
/// See [`BindError`].
pub async fn bind(listen: Listen) -> Result<Bound, BindError> {
    match listen {
        Listen::At(address) if !address.ip().to_canonical().is_loopback() => {
            Err(BindError::BeyondLoopback(address.ip()))
        }
        Listen::At(address) => Bound::of(vec![listener(address).await?]),
        Listen::Loopback { port: 0 } => both_families_somewhere().await,
        Listen::Loopback { port } => both_families(port).await,
    }
}

/// A free port of one family can be taken in the other: a few tries find one that is free in both.
async fn both_families_somewhere() -> Result<Bound, BindError> {
    for _ in 0..16 {
        match both_families(0).await {
            Err(BindError::Taken(_)) => {}
            result => return result,
        }
    }
    both_families(0).await
}

async fn both_families(port: u16) -> Result<Bound, BindError> {
    let four = listener((Ipv4Addr::LOCALHOST, port).into()).await?;
    let port = local(&four)?.port();
    match listener((Ipv6Addr::LOCALHOST, port).into()).await {
        Ok(six) => Bound::of(vec![four, six]),
        Err(BindError::Io { source, .. }) if has_no_ipv6(&source) => Bound::of(vec![four]),
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
            io::ErrorKind::AddrInUse => BindError::Taken(address),
            _ => BindError::Io { address, source },
        })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, BindError> {
    let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.local_addr().map_err(|source| BindError::Io {
        address: unknown,
        source,
    })
}

impl Bound {
    fn of(listeners: Vec<TcpListener>) -> Result<Self, BindError> {
        let addresses = listeners.iter().map(local).collect::<Result<_, _>>()?;
        Ok(Self {
            listeners,
            addresses,
        })
    }
}

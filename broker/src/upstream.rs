//! HTTP client for upstreams: TLS with built-in roots and one connection pool.
//!
//! Invariants: redirects are not followed, bodies are not decompressed, no proxy or certificate comes from the
//! environment, and the pool retries a request only if no byte of it was written. Connecting, from name resolution to
//! the end of the TLS handshake, has a single timeout.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::timeout;
use tower_service::Service;

/// The user agent of keyreeve's own requests.
pub const USER_AGENT: &str = concat!("keyreeve/", env!("CARGO_PKG_VERSION"));

/// Timeouts for upstreams.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For connecting: name resolution, TCP and TLS.
    pub connect: Duration,
    /// From the request to the head of its response. The SDKs wait 10 minutes (docs/facts.md#endpoints).
    pub head: Duration,
    /// Between two chunks of a body. Claude Code aborts a stream that is idle for 300 s (docs/facts.md#streaming).
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_mins(10),
            idle: Duration::from_mins(5),
        }
    }
}

/// The body of a request, in the pieces in which it arrived.
#[derive(Debug, Default)]
pub struct RequestBody {
    pieces: std::vec::IntoIter<Bytes>,
    bytes: u64,
}

impl FromIterator<Bytes> for RequestBody {
    fn from_iter<Pieces: IntoIterator<Item = Bytes>>(pieces: Pieces) -> Self {
        let pieces = pieces.into_iter().collect::<Vec<_>>();
        Self {
            bytes: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces: pieces.into_iter(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.bytes -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

/// Sends requests to upstreams.
#[derive(Clone)]
pub struct Upstream {
    client: Client<TimedConnector, RequestBody>,
    connector: TimedConnector,
    timeouts: Timeouts,
}

/// Error of a request without a response.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Connecting failed, in TCP or TLS: no byte of the request was sent.
    #[error("cannot connect to the upstream")]
    Unreachable(#[source] TransportError),
    /// Connecting timed out: no byte of the request was sent.
    #[error("cannot connect to the upstream within {} s", .0.as_secs())]
    ConnectTimedOut(Duration),
    /// The connection broke after the request was sent.
    #[error("the upstream closed the connection")]
    ConnectionBroken(#[source] TransportError),
    /// The response head did not arrive in time.
    #[error("the upstream did not respond within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// The root cause of a transport error, such as `Connection refused`. The layers of the HTTP client above it, such as
/// `client error (Connect)`, add nothing and are omitted.
#[derive(Debug)]
pub struct TransportError(Error);

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match causes(&self.0).last() {
            Some(root) => write!(f, "{root}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl std::error::Error for TransportError {}

/// Error in the configured CA file.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// The file contains no certificate, or one that cannot be parsed.
    #[error("the CA file contains no valid PEM certificate")]
    NotPem(#[source] Option<rustls::pki_types::pem::Error>),
    /// A certificate in it cannot be used as a root.
    #[error("a certificate in the CA file cannot be used as a root")]
    InvalidRoot(#[source] rustls::Error),
    /// The TLS library rejects its own defaults.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

impl Upstream {
    /// Creates the client. `extra_roots` are PEM certificates trusted in addition to the built-in Mozilla roots.
    ///
    /// # Errors
    /// See [`CaFileError`].
    pub fn new(extra_roots: Option<&[u8]>, timeouts: Timeouts) -> Result<Self, CaFileError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(timeouts.connect));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_mins(1)));
        tcp.enforce_http(false);
        // Plain http is allowed here because a plain `Origin` can only be on loopback (keyreeve_core::origin).
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(extra_roots)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = TimedConnector {
            connector,
            timeout: timeouts.connect,
        };
        Ok(Self {
            client: client(connector.clone()),
            connector,
            timeouts,
        })
    }

    /// Returns a client with the same settings and a connection pool of its own. Connections belong to the runtime that
    /// opened them.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Self {
            client: client(self.connector.clone()),
            connector: self.connector.clone(),
            timeouts: self.timeouts,
        }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        match timeout(self.timeouts.head, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() && is_timeout(&error) => {
                Err(UpstreamError::ConnectTimedOut(self.timeouts.connect))
            }
            Ok(Err(error)) if error.is_connect() => {
                Err(UpstreamError::Unreachable(TransportError(error)))
            }
            Ok(Err(error)) => Err(UpstreamError::ConnectionBroken(TransportError(error))),
            Err(_) => Err(UpstreamError::TimedOut(self.timeouts.head)),
        }
    }

    /// Returns the timeouts.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }
}

fn client(connector: TimedConnector) -> Client<TimedConnector, RequestBody> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_mins(1))
        .http1_max_buf_size(64 * 1024)
        .build(connector)
}

/// Connects with a timeout. Otherwise the system's resolver, or a peer that accepts the connection and never starts
/// TLS, could take as long as a response.
#[derive(Clone)]
struct TimedConnector {
    connector: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

type Connection = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type ConnectError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for TimedConnector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = timeout(self.timeout, self.connector.call(address));
        Box::pin(async {
            let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            connecting.await.unwrap_or_else(timed_out)
        })
    }
}

/// Returns `true` if connecting timed out, by our timeout or the system's.
fn is_timeout(error: &Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Iterates over the causes of an error, the root cause last.
fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

fn tls(extra_roots: Option<&[u8]>) -> Result<rustls::ClientConfig, CaFileError> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_roots {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| CaFileError::NotPem(Some(error)))?;
        if certificates.is_empty() {
            return Err(CaFileError::NotPem(None));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(CaFileError::InvalidRoot)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(CaFileError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

//! The connection to upstreams: TLS with pinned roots, one pool, nothing clever.
//!
//! Invariants: no redirect is followed, no body is decompressed, no proxy and no certificate comes from the environment,
//! and a request is sent again by the pool only when not one byte of it was written. Making a connection, from the name
//! to the end of the TLS handshake, has one limit in time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::timeout;
use tower_service::Service;

/// How long an upstream may keep us waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection: its name looked up, TCP, and TLS.
    pub connect: Duration,
    /// From the request to the head of its answer. The SDKs wait 10 minutes (docs/facts.md#endpoints).
    pub head: Duration,
    /// Between two pieces of a body. Claude Code gives up a stream silent for 300 s (docs/facts.md#streaming).
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_mins(10),
            silence: Duration::from_mins(5),
        }
    }
}

/// Sends requests to upstreams.
#[derive(Clone)]
pub struct Upstream {
    client: Client<InTime, Full<Bytes>>,
    patience: Patience,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The connection could not be made, or TLS refused it: not one byte of the request was sent.
    #[error("the upstream cannot be reached")]
    Unreachable(#[source] Error),
    /// The connection was not there in time: not one byte of the request was sent.
    #[error("there was no connection to the upstream within {} s", .0.as_secs())]
    Unconnected(Duration),
    /// The connection broke after the request had gone out.
    #[error("the upstream broke the connection")]
    Broken(#[source] Error),
    /// No head of an answer in time.
    #[error("the upstream did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Why the configured roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRoots {
    /// The file holds no certificate, or one that cannot be read.
    #[error("the CA file holds no readable PEM certificate")]
    NotPem(#[source] Option<rustls::pki_types::pem::Error>),
    /// A certificate in it cannot be a root.
    #[error("a certificate of the CA file cannot be trusted as a root")]
    NotARoot(#[source] rustls::Error),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Upstream {
    /// Sets up the pool. `extra_roots` is PEM: certificates trusted beside the Mozilla roots that are built in.
    ///
    /// # Errors
    /// See [`BadRoots`].
    pub fn new(extra_roots: Option<&[u8]>, patience: Patience) -> Result<Self, BadRoots> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(patience.connect));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_mins(1)));
        tcp.enforce_http(false);
        // Plain http passes here because an `Origin` can only be plain on loopback (keyreeve_core::origin).
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(extra_roots)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = InTime {
            connector,
            limit: patience.connect,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_mins(1))
            .http1_max_buf_size(64 * 1024)
            .build(connector);
        Ok(Self { client, patience })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        match timeout(self.patience.head, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() && came_too_late(&error) => {
                Err(NoAnswer::Unconnected(self.patience.connect))
            }
            Ok(Err(error)) if error.is_connect() => Err(NoAnswer::Unreachable(error)),
            Ok(Err(error)) => Err(NoAnswer::Broken(error)),
            Err(_) => Err(NoAnswer::TimedOut(self.patience.head)),
        }
    }

    /// How long upstreams may keep us waiting.
    pub fn patience(&self) -> Patience {
        self.patience
    }
}

/// Makes connections, each within its limit. The system's resolver, and a peer that takes the connection and then says
/// nothing of TLS, would else have as long as an answer may take.
#[derive(Clone)]
struct InTime {
    connector: HttpsConnector<HttpConnector>,
    limit: Duration,
}

type Connected = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type NotConnected = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for InTime {
    type Response = Connected;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, NotConnected>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.connector.call(address));
        Box::pin(async {
            let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            connecting.await.unwrap_or_else(late)
        })
    }
}

/// Whether a connection failed for want of time, by our limit or by the system's.
fn came_too_late(error: &Error) -> bool {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn tls(extra_roots: Option<&[u8]>) -> Result<rustls::ClientConfig, BadRoots> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_roots {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| BadRoots::NotPem(Some(error)))?;
        if certificates.is_empty() {
            return Err(BadRoots::NotPem(None));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(BadRoots::NotARoot)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BadRoots::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

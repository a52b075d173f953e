//! The server: accepts connections, limits them in time and size, and drains them in a graceful shutdown.
//!
//! Invariants: every connection has a timeout for its request head and for a client that does not read; after the
//! signal to stop no request is accepted, running responses may finish within the drain timeout, and the ledger is
//! closed last.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::body_budget::BodyBudget;
use crate::config::Config;
use crate::instance::InstanceSecret;
use crate::listen::BoundListeners;
use crate::routes;
use crate::state::{AllowedHosts, Gateway};

/// The maximum size of a request head; hyper responds to a larger one with 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADER_LINES: usize = 100;

/// The parts that a gateway is built from.
pub struct GatewayParts {
    /// Leases credentials.
    pub broker: Arc<Broker>,
    /// Sends requests.
    pub upstream: Upstream,
    /// The secret that `/healthz` proves the gateway has.
    pub instance: InstanceSecret,
    /// The configuration.
    pub config: Config,
}

/// Serves until `stop` completes, then drains running responses and closes the ledger.
///
/// # Errors
/// [`keyreeve_store::StoreError`] if the ledger cannot be flushed at the end.
pub async fn serve(
    bound: BoundListeners,
    parts: GatewayParts,
    stop: impl Future<Output = ()>,
) -> Result<(), keyreeve_store::StoreError> {
    let GatewayParts {
        broker,
        upstream,
        instance,
        config,
    } = parts;
    let gateway = Arc::new(Gateway {
        hosts: AllowedHosts::new(bound.addresses(), &config.allowed_hosts),
        budget: BodyBudget::new(config.body_budget),
        broker: Arc::clone(&broker),
        upstream,
        instance,
        config,
    });
    let server = Server {
        router: routes::router(&gateway),
        http: http(&gateway.config),
        write_timeout: gateway.config.client_stall_timeout,
        graceful: GracefulShutdown::new(),
        connections: TaskTracker::new(),
        force_close: CancellationToken::new(),
    };
    server.accept_loop(&bound.listeners, stop).await;
    drop(bound);
    server.drain(gateway.config.drain_timeout).await;
    broker.finish_pending().await;
    broker.store().flush()
}

struct Server {
    router: Router,
    http: http1::Builder,
    write_timeout: Duration,
    graceful: GracefulShutdown,
    connections: TaskTracker,
    force_close: CancellationToken,
}

impl Server {
    async fn accept_loop(&self, listeners: &[TcpListener], stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                accepted = accept_any(listeners) => accepted,
            };
            match accepted {
                Ok(stream) => self.serve_connection(stream),
                Err(error) => {
                    // Usually out of file descriptors: give running connections time to end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn serve_connection(&self, stream: TcpStream) {
        // Sends each frame of a stream at once.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        let router = self.router.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = self.http.serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service),
        );
        let watched = self.graceful.watch(connection);
        let force_close = self.force_close.clone();
        self.connections.spawn(async move {
            if let Some(Err(error)) = force_close.run_until_cancelled(watched).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    /// Waits for running responses, and cuts those still running after the timeout, so that their ledger entries are
    /// closed.
    async fn drain(self, timeout: Duration) {
        self.connections.close();
        let finished = async {
            self.graceful.shutdown().await;
            self.connections.wait().await;
        };
        if tokio::time::timeout(timeout, finished).await.is_err() {
            tracing::warn!(
                cut = self.connections.len(),
                "drain timeout: cutting running responses"
            );
            self.force_close.cancel();
            self.connections.wait().await;
        }
    }
}

async fn accept_any(listeners: &[TcpListener]) -> std::io::Result<TcpStream> {
    let accepts = listeners.iter().map(|listener| Box::pin(listener.accept()));
    let (accepted, _, _) = futures_util::future::select_all(accepts).await;
    accepted.map(|(stream, _)| stream)
}

fn http(config: &Config) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_LINES);
    http
}

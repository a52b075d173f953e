//! The server: accepts connections, limits them in time and size, and drains them in a graceful shutdown.
//!
//! Each worker is a thread with its own runtime and its own connections to upstreams; all of them accept from the same
//! sockets. A connection stays with its worker. Invariants: every connection has a timeout for its request head and for
//! a client that does not read; after the signal to stop no request is accepted, running responses may finish within
//! the drain timeout, and the ledger is closed last.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client_body::BodyBudget;
use crate::config::Config;
use crate::instance::InstanceSecret;
use crate::listen::BoundListeners;
use crate::routes::Routes;
use crate::state::{AllowedHosts, Gateway};
use crate::worker_threads::{WorkerError, WorkerThreads};

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

/// The reason a gateway stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The ledger cannot be flushed at the end.
    #[error(transparent)]
    Store(#[from] keyreeve_store::StoreError),
    /// A worker cannot be started.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// Serves until `stop` completes, then drains running responses and closes the ledger.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    bound: BoundListeners,
    parts: GatewayParts,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let GatewayParts {
        broker,
        upstream,
        instance,
        config,
    } = parts;
    let gateway = Gateway {
        hosts: Arc::new(AllowedHosts::new(bound.addresses(), &config.allowed_hosts)),
        budget: BodyBudget::new(config.body_budget),
        broker: Arc::clone(&broker),
        upstream,
        instance: Arc::new(instance),
        config: Arc::new(config),
    };
    let stopping = CancellationToken::new();
    let mut threads = WorkerThreads::default();
    // This thread is the first worker.
    for number in 1..gateway.config.workers.get() {
        let gateway = Gateway {
            upstream: gateway.upstream.with_own_connections(),
            ..gateway.clone()
        };
        let listeners = bound.try_clone().map_err(WorkerError::from)?;
        let stopping = stopping.clone();
        threads.start(number, async move || {
            serve_connections(listeners.into_tokio()?, gateway, stopping).await;
            Ok(())
        })?;
    }
    let stop = async {
        stop.await;
        stopping.cancel();
    };
    let serving = serve_connections(bound.listeners, gateway, stopping.clone());
    tokio::join!(stop, serving);
    threads.drained().await;
    broker.finish_pending().await;
    drop(threads);
    Ok(broker.store().flush()?)
}

/// Serves connections until `stopping` is canceled, then drains them.
async fn serve_connections(
    listeners: Vec<TcpListener>,
    gateway: Gateway,
    stopping: CancellationToken,
) {
    let drain_timeout = gateway.config.drain_timeout;
    let server = Server {
        http: http(&gateway.config),
        write_timeout: gateway.config.client_stall_timeout,
        routes: Arc::new(Routes::new(gateway)),
        graceful: GracefulShutdown::new(),
        connections: TaskTracker::new(),
        force_close: CancellationToken::new(),
    };
    server.accept_loop(&listeners, &stopping).await;
    drop(listeners);
    server.drain(drain_timeout).await;
}

/// The server of one worker.
struct Server {
    routes: Arc<Routes>,
    http: http1::Builder,
    write_timeout: Duration,
    graceful: GracefulShutdown,
    connections: TaskTracker,
    force_close: CancellationToken,
}

impl Server {
    async fn accept_loop(&self, listeners: &[TcpListener], stopping: &CancellationToken) {
        while let Some(accepted) = stopping.run_until_cancelled(accept_any(listeners)).await {
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
        let routes = Arc::clone(&self.routes);
        let service = service_fn(move |request| {
            let response = Arc::clone(&routes).respond(request);
            async { Ok::<_, Infallible>(response.await) }
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
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

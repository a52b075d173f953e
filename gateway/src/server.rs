//! The server: connections in, bounded in time and size, and an orderly end.
//!
//! Invariants: every connection has a time limit for its head and for a reader that does not read; after the signal to
//! stop no request is taken, running answers may finish within the drain time, and the ledger is closed last.

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

use crate::guard::KnownHosts;
use crate::listen::Bound;
use crate::replay::Budget;
use crate::{Config, Gateway, InstanceSecret, routes};

/// Room for one request head; hyper answers a larger one with 431.
const HEAD_LIMIT: usize = 64 * 1024;
const HEADER_LINES: usize = 100;

/// What is put together to serve.
pub struct Parts {
    /// Who leases.
    pub broker: Arc<Broker>,
    /// What sends.
    pub upstream: Upstream,
    /// What `/healthz` proves.
    pub instance: InstanceSecret,
    /// The rest.
    pub config: Config,
}

/// Serves until `stop` comes, then lets running answers finish and closes the ledger.
///
/// # Errors
/// When the ledger could not be written out at the end.
pub async fn serve(
    bound: Bound,
    parts: Parts,
    stop: impl Future<Output = ()>,
) -> Result<(), keyreeve_store::Error> {
    let Parts {
        broker,
        upstream,
        instance,
        config,
    } = parts;
    let gateway = Arc::new(Gateway {
        hosts: KnownHosts::new(bound.addresses(), &config.allowed_hosts),
        budget: Budget::new(config.body_budget),
        broker: Arc::clone(&broker),
        upstream,
        instance,
        config,
    });
    let doors = Doors {
        router: routes::router(&gateway),
        http: http(&gateway.config),
        stall: gateway.config.client_stall,
        graceful: GracefulShutdown::new(),
        connections: TaskTracker::new(),
        time_is_up: CancellationToken::new(),
    };
    doors.take_connections(&bound.listeners, stop).await;
    drop(bound);
    doors.drain(gateway.config.drain_time).await;
    broker.settled().await;
    broker.store().flush()
}

struct Doors {
    router: Router,
    http: http1::Builder,
    stall: Duration,
    graceful: GracefulShutdown,
    connections: TaskTracker,
    time_is_up: CancellationToken,
}

impl Doors {
    async fn take_connections(&self, listeners: &[TcpListener], stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                accepted = accept_any(listeners) => accepted,
            };
            match accepted {
                Ok(stream) => self.welcome(stream),
                Err(error) => {
                    // Most often out of descriptors: give running connections time to end.
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream) {
        // Each frame of a stream is worth a packet of its own.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.stall));
        let router = self.router.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = self.http.serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service),
        );
        let watched = self.graceful.watch(connection);
        let time_is_up = self.time_is_up.clone();
        self.connections.spawn(async move {
            if let Some(Err(error)) = time_is_up.run_until_cancelled(watched).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    /// Waits for running answers; what still runs after that is cut, so that its ledger row is closed.
    async fn drain(self, limit: Duration) {
        self.connections.close();
        let finished = async {
            self.graceful.shutdown().await;
            self.connections.wait().await;
        };
        if tokio::time::timeout(limit, finished).await.is_err() {
            tracing::warn!(
                cut = self.connections.len(),
                "answers were still running at the end"
            );
            self.time_is_up.cancel();
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
        .header_read_timeout(config.head_time)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(HEAD_LIMIT)
        .max_headers(HEADER_LINES);
    http
}

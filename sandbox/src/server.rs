//! The listener: accepts connections on a loopback address and serves each until it ends or the sandbox shuts down.
//!
//! Connections are served here rather than by a framework, because a script can reset one, which needs the socket
//! itself. A shutdown accepts no new connection and waits up to [`SHUTDOWN_TIMEOUT`] for responses in progress.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Control;
use crate::delivery::{AbortedResponseError, CloseMode};
use crate::route;
use crate::state::{NowFn, SandboxState};

/// Settings of a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct SandboxSettings {
    /// Clock for `GET /_sandbox/requests`, the `date` header and the rate limits' reset headers.
    pub now: NowFn,
}

/// A simulated Anthropic API, bound to its address.
///
/// ```no_run
/// # use keyreeve_sandbox::{Sandbox, SandboxSettings};
/// # async fn example(now: keyreeve_sandbox::NowFn) -> std::io::Result<()> {
/// let sandbox = Sandbox::bind(([127, 0, 0, 1], 0).into(), SandboxSettings { now }).await?;
/// println!("http://{}", sandbox.addr());
/// sandbox.run(std::future::pending()).await
/// # }
/// ```
pub struct Sandbox {
    listener: TcpListener,
    addr: SocketAddr,
    state: Arc<SandboxState>,
}

/// Maximum wait for responses in progress during a shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time for a client to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum size of a request's head: its first line and its headers.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Wait before accepting again after an accept error.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Binds `addr`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the address is not a loopback address, because the sandbox has no
    /// authentication; otherwise the error of the bind.
    pub async fn bind(addr: SocketAddr, settings: SandboxSettings) -> io::Result<Self> {
        if !addr.ip().to_canonical().is_loopback() {
            let text = format!("the sandbox listens on loopback addresses only; {addr} is not one");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self {
            listener,
            addr,
            state: Arc::new(SandboxState::new(settings.now)),
        })
    }

    /// Returns the address it is bound to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns a handle that does in this process what `/_sandbox` does over HTTP.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.state))
    }

    /// Serves until `shutdown` is ready, then waits up to 5 s for responses in progress.
    ///
    /// # Errors
    /// Currently never: accept errors are skipped.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let connections = TaskTracker::new();
        let closing = Shutdown {
            graceful: CancellationToken::new(),
            immediate: CancellationToken::new(),
        };
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve_connection(stream, Arc::clone(&self.state), closing.clone()));
                    }
                    Err(_) => sleep(ACCEPT_RETRY_INTERVAL).await,
                },
            }
        }
        drop(self.listener);
        connections.close();
        closing.graceful.cancel();
        if timeout(SHUTDOWN_TIMEOUT, connections.wait()).await.is_err() {
            closing.immediate.cancel();
            connections.wait().await;
        }
        Ok(())
    }
}

/// Signals a shutdown to the connections: first a graceful one, then an immediate one.
#[derive(Clone)]
struct Shutdown {
    graceful: CancellationToken,
    immediate: CancellationToken,
}

/// Serves one connection to its end.
async fn serve_connection(stream: TcpStream, state: Arc<SandboxState>, closing: Shutdown) {
    // Sends each event at once. If the option cannot be set, events are only a little later.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| Box::pin(route::handle(Arc::clone(&state), request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut is_closing = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
            () = closing.graceful.cancelled(), if !is_closing => {
                Pin::new(&mut connection).graceful_shutdown();
                is_closing = true;
            }
            () = closing.immediate.cancelled() => return,
        }
    };
    let stream = connection.into_parts().io.into_inner();
    if result.err().and_then(|error| requested_close(&error)) == Some(CloseMode::Rst) {
        // With a zero linger time, closing sends a reset. If it cannot be set, the client sees an early end.
        drop(stream.set_zero_linger());
    }
}

/// Returns the close mode if the connection ended because a script requested it.
fn requested_close(error: &hyper::Error) -> Option<CloseMode> {
    error
        .source()?
        .downcast_ref::<AbortedResponseError>()
        .map(|error| error.0)
}

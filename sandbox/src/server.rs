//! The listener: accepts connections on a loopback address and serves each until it ends or is told to.
//!
//! Connections are served here rather than by a framework, because a script may want one reset: that needs the
//! socket itself. Shutdown takes no new connection, lets running answers finish, and waits [`GRACE`] at most.

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
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Control;
use crate::delivery::{CutShort, How};
use crate::route;
use crate::state::State;

/// Tells the time. The sandbox never reads the machine's own clock.
pub type Clock = fn() -> Timestamp;

/// What the sandbox needs from whoever starts it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Tells the time for `GET /_sandbox/requests`, the `date` header and the rate limits' reset headers.
    pub now: Clock,
}

/// A simulated Anthropic API, bound to its address.
///
/// ```no_run
/// # use keyreeve_sandbox::{Sandbox, Settings};
/// # async fn example(now: keyreeve_sandbox::Clock) -> std::io::Result<()> {
/// let sandbox = Sandbox::bind(([127, 0, 0, 1], 0).into(), Settings { now }).await?;
/// println!("http://{}", sandbox.addr());
/// sandbox.run(std::future::pending()).await
/// # }
/// ```
pub struct Sandbox {
    listener: TcpListener,
    addr: SocketAddr,
    state: Arc<State>,
}

/// Waited for running answers after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Given to a client to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Bytes of a request's head, its first line and its headers, after which no more is read of one that is not complete.
const HEAD_LIMIT: usize = 64 * 1024;

/// Waited when the machine has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Binds `addr`; port 0 lets the machine choose one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when the address is not a loopback address: the sandbox has no lock on its
    /// door. Else whatever binding gave.
    pub async fn bind(addr: SocketAddr, settings: Settings) -> io::Result<Self> {
        if !addr.ip().to_canonical().is_loopback() {
            let text =
                format!("the sandbox listens on loopback addresses only, and {addr} is none");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self {
            listener,
            addr,
            state: Arc::new(State::new(settings.now)),
        })
    }

    /// The address it is bound to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the handle that does in this process what `/_sandbox` does over HTTP.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.state))
    }

    /// Serves until `shutdown` is ready; then finishes running answers, five seconds at most.
    ///
    /// # Errors
    /// None today: a connection that cannot be accepted is passed over.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let connections = TaskTracker::new();
        let closing = Closing {
            gently: CancellationToken::new(),
            now: CancellationToken::new(),
        };
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, Arc::clone(&self.state), closing.clone()));
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(self.listener);
        connections.close();
        closing.gently.cancel();
        if timeout(GRACE, connections.wait()).await.is_err() {
            closing.now.cancel();
            connections.wait().await;
        }
        Ok(())
    }
}

/// Tells the connections that the sandbox is closing, politely and then not.
#[derive(Clone)]
struct Closing {
    gently: CancellationToken,
    now: CancellationToken,
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, state: Arc<State>, closing: Closing) {
    // Each event is to leave at once; where the option cannot be set, they leave a little later.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| Box::pin(route::answer(Arc::clone(&state), request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            () = closing.gently.cancelled(), if !told => {
                Pin::new(&mut connection).graceful_shutdown();
                told = true;
            }
            () = closing.now.cancelled() => return,
        }
    };
    let stream = connection.into_parts().io.into_inner();
    if ended.err().and_then(|error| cut(&error)) == Some(How::Rst) {
        // With nothing to linger for, closing sends a reset. Where it cannot be set, the client sees an early end.
        drop(stream.set_zero_linger());
    }
}

/// Says how a script wanted this connection cut, when that is why it ended.
fn cut(error: &hyper::Error) -> Option<How> {
    error.source()?.downcast_ref::<CutShort>().map(|cut| cut.0)
}

//! One current-thread runtime for each program, and the server loop that they share.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::arguments::Arguments;
use crate::print_line;

/// Runs a future on this thread.
pub(crate) fn block_on(future: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(future)
}

/// Serves HTTP/1.1 at `--port` on 127.0.0.1 until the process ends; prints `ready` when it listens.
pub(crate) async fn serve<H, F, B>(arguments: &Arguments, handle: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let port: u16 = arguments.parsed("port")?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .context("cannot listen")?;
    print_line("ready");
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept")?;
        stream.set_nodelay(true).context("cannot set an option")?;
        let handle = handle.clone();
        tokio::spawn(async move {
            // A client that goes away in the middle is counted by the load generator.
            let _ended = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(handle))
                .await;
        });
    }
}

//! The gateway on its own thread, with its log.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use keyreeve_core::origin::BaseUrl;
use keyreeve_gateway::{GatewayParts, Listen, PassThrough, bind, serve};
use tokio::sync::oneshot;

/// The captured log of the gateway.
#[derive(Clone, Default)]
pub(crate) struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl LogBuffer {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A gateway to be served on a thread.
pub(crate) struct ServerThread {
    pub(crate) parts: GatewayParts,
    /// The upstream for pass-through, if it is on.
    pub(crate) pass_through_to: Option<BaseUrl>,
    pub(crate) stop: oneshot::Receiver<()>,
    pub(crate) log: LogBuffer,
}

impl ServerThread {
    /// Sends its address and serves until it is stopped, all in this thread.
    pub(crate) fn run(mut self, address: &mpsc::Sender<SocketAddr>) {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || self.log.clone())
            .finish();
        // One thread serves everything, so that all of it is logged here.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                let bound = bind(Listen::Loopback { port: 0 }).await.unwrap();
                let base_url = self.pass_through_to.take();
                self.parts.config.pass_through =
                    base_url.map(|url| PassThrough::to_sandbox(url, &bound).unwrap());
                address.send(bound.addresses()[0]).unwrap();
                serve(bound, self.parts, async { drop(self.stop.await) })
                    .await
                    .unwrap();
            });
        });
    }
}

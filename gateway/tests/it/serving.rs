//! The gateway on a thread of its own, and what it logs there.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use keyreeve_core::origin::BaseUrl;
use keyreeve_gateway::{Listen, Parts, PassThrough, bind, serve};
use tokio::sync::oneshot;

/// What the gateway logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is served, and where.
pub(crate) struct Serving {
    pub(crate) parts: Parts,
    /// Where a client's own credential may pass through to.
    pub(crate) through: Option<BaseUrl>,
    pub(crate) stopped: oneshot::Receiver<()>,
    pub(crate) log: Log,
}

impl Serving {
    /// Serves until it is stopped, once it has told its address; all of it in this thread.
    pub(crate) fn run(mut self, tell: &mpsc::Sender<SocketAddr>) {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || self.log.clone())
            .finish();
        // One thread serves everything, so that all it logs comes here.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                let bound = bind(Listen::Loopback { port: 0 }).await.unwrap();
                let through = self.through.take();
                self.parts.config.pass_through =
                    through.map(|to| PassThrough::to_a_sandbox(to, &bound).unwrap());
                tell.send(bound.addresses()[0]).unwrap();
                serve(bound, self.parts, async { drop(self.stopped.await) })
                    .await
                    .unwrap();
            });
        });
    }
}

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

/// Serves until `stopped`, once it has told where; all of it in this thread.
pub(crate) fn run(
    mut parts: Parts,
    through: Option<BaseUrl>,
    tell: &mpsc::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
    log: Log,
) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    // One thread serves everything, so that all it logs comes here.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let bound = bind(Listen::Loopback { port: 0 }).await.unwrap();
            parts.config.pass_through =
                through.map(|to| PassThrough::to_a_sandbox(to, &bound).unwrap());
            tell.send(bound.addresses()[0]).unwrap();
            serve(bound, parts, async { drop(stopped.await) })
                .await
                .unwrap();
        });
    });
}

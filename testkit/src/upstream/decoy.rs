//! A listener that nobody may ever talk to.

use std::net::SocketAddr;

use super::scripted::Scripted;

/// Records every connection and byte, and answers nothing.
pub struct Decoy(Scripted);

impl Decoy {
    /// Starts to listen.
    pub fn start() -> Self {
        Self(Scripted::start(|_| Vec::new()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Its address as a base URL.
    pub fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// Every byte it got, connection by connection; a connection without a byte counts.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.0.bytes()
    }

    /// Fails the test if anyone has connected.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let received = self.received();
        let sizes: Vec<_> = received.iter().map(Vec::len).collect();
        assert!(
            received.is_empty(),
            "the decoy was talked to; bytes by connection: {sizes:?}"
        );
    }
}

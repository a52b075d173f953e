//! Certificates generated for one test: valid ones, and ones that clients must reject.
//!
//! Invariant: keys exist only in memory, and only during the test.

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority known only to the test.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// Validity period of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// Valid now.
    Valid,
    /// Ended in the past.
    Expired,
    /// Starts in the future.
    NotYetValid,
}

/// A certificate and its key.
pub struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl CertificateAuthority {
    /// Generates an authority.
    pub fn new() -> Self {
        let key = expect_generated(KeyPair::generate());
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = expect_generated(parameters.self_signed(&key));
        Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        }
    }

    /// Returns its root certificate in PEM, for clients that trust it.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Issues a certificate for a name.
    pub fn issue(&self, name: &str, validity: Validity) -> Identity {
        let key = expect_generated(KeyPair::generate());
        let certificate =
            expect_generated(parameters(name, validity).signed_by(&key, &self.issuer));
        Identity::from_rcgen(&certificate, &key)
    }
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// Generates a self-signed certificate.
    pub fn self_signed(name: &str) -> Self {
        let key = expect_generated(KeyPair::generate());
        let certificate = expect_generated(parameters(name, Validity::Valid).self_signed(&key));
        Self::from_rcgen(&certificate, &key)
    }

    fn from_rcgen(certificate: &Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

fn parameters(name: &str, validity: Validity) -> CertificateParams {
    let mut parameters = expect_generated(CertificateParams::new([name.to_owned()]));
    match validity {
        Validity::Valid => {}
        Validity::Expired => parameters.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Validity::NotYetValid => parameters.not_before = rcgen::date_time_ymd(2999, 1, 1),
    }
    parameters
}

fn expect_generated<T>(result: Result<T, rcgen::Error>) -> T {
    result.expect("a certificate can be generated")
}

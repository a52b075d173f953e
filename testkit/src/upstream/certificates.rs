//! Certificates made for one test: good ones, and ones that must be refused.
//!
//! Invariant: keys live in memory and no longer than the test.

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Who issues certificates. It is known to nobody but the test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// When a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// Now.
    Now,
    /// It was once.
    Over,
    /// It will be one day.
    ToCome,
}

/// A certificate and its key.
pub struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Makes one up.
    pub fn new() -> Self {
        let key = made(KeyPair::generate());
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = made(parameters.self_signed(&key));
        Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        }
    }

    /// What a client must have to trust it, in PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Issues a certificate for a name.
    pub fn issue(&self, name: &str, validity: Validity) -> Identity {
        let key = made(KeyPair::generate());
        let certificate = made(parameters(name, validity).signed_by(&key, &self.issuer));
        Identity::of(&certificate, &key)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// A certificate that speaks for itself.
    pub fn self_signed(name: &str) -> Self {
        let key = made(KeyPair::generate());
        let certificate = made(parameters(name, Validity::Now).self_signed(&key));
        Self::of(&certificate, &key)
    }

    fn of(certificate: &Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

fn parameters(name: &str, validity: Validity) -> CertificateParams {
    let mut parameters = made(CertificateParams::new([name.to_owned()]));
    match validity {
        Validity::Now => {}
        Validity::Over => parameters.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Validity::ToCome => parameters.not_before = rcgen::date_time_ymd(2999, 1, 1),
    }
    parameters
}

fn made<T>(result: Result<T, rcgen::Error>) -> T {
    result.expect("a certificate can be made up")
}

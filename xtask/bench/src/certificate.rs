//! A certificate authority of the run's own, for the row with TLS to the upstream.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::arguments::Arguments;

/// Writes `ca.pem`, and `server.pem` and `server.key` for 127.0.0.1 and localhost, to `--folder`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Path::new(arguments.required("folder")?);
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    name(&mut authority, "bench authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    // With the authority's own name it would pass for self-signed.
    name(&mut server, "bench upstream");
    let server = server.signed_by(&key, &authority)?;
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("server.pem", server.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn name(parameters: &mut CertificateParams, name: &str) {
    let names = &mut parameters.distinguished_name;
    names.push(DnType::CommonName, name);
}

/// Returns a TLS configuration that trusts only the authorities of a PEM file.
pub(crate) fn client_config(file: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).context("cannot read the authority")? {
        roots.add(certificate.context("cannot read the authority")?)?;
    }
    Ok(ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

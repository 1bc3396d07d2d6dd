//! Loads the certificates and keys, and makes the configuration of rustls from them.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use vocabulary::TlsVersion;

use super::by_name::CertificatesByName;
use super::error::{FileProblem, TlsError, TlsErrors};
use super::pem_files;
use super::settings::TlsSettings;

/// Reads the certificates and their keys. `None` when none is configured: TLS is off.
///
/// # Errors
///
/// All files that cannot be used. Only if there are none: what rustls does not accept.
pub fn load(settings: &TlsSettings) -> Result<Option<Arc<ServerConfig>>, TlsErrors> {
    if settings.files.is_empty() {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut errors = Vec::new();
    let mut certified = Vec::new();
    for (certificate, key) in &settings.files {
        match certified_key(certificate, key, &provider) {
            Ok(good) => certified.push(Arc::new(good)),
            Err(error) => errors.push(error),
        }
    }
    let clients = settings.client_ca.as_deref().map(|file| client_verifier(file, &provider)).transpose();
    let clients = clients.unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    if !errors.is_empty() {
        return Err(TlsErrors(errors));
    }

    let versions: &[_] = match settings.minimum {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::Versions)?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(CertificatesByName::new(certified)));
    // RFC 7301: a client that offers only other protocols wants another server. One that offers none is
    // served.
    config.alpn_protocols = vec![b"pop3".to_vec()];
    // One ticket per session: a mail program reconnects with one connection at a time.
    config.send_tls13_tickets = 1;
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(TlsError::TicketKeys)?;
    Ok(Some(Arc::new(config)))
}

fn certified_key(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let of_certificate = |problem| TlsError::file("tls.certificate", certificate, problem);
    let of_key = |problem| TlsError::file("tls.key", key, problem);
    let chain = pem_files::certificates(certificate).map_err(of_certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| of_key(error.into()))?;
    CertifiedKey::from_der(chain, private_key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_key(FileProblem::NotKeyOf(certificate.to_owned())),
        error @ rustls::Error::InvalidCertificate(_) => of_certificate(FileProblem::Rejected(error)),
        error => of_key(FileProblem::Rejected(error)),
    })
}

fn client_verifier(
    file: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let of_file = |problem| TlsError::file("tls.client_ca", file, problem);
    let mut roots = RootCertStore::empty();
    for certificate in pem_files::certificates(file).map_err(of_file)? {
        roots.add(certificate).map_err(|error| of_file(FileProblem::Rejected(error)))?;
    }
    // A client without a certificate can still send a password.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| of_file(FileProblem::CannotVerify(error)))
}

//! TLS: from the `[tls]` settings to what rustls serves with.

mod by_name;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use vocabulary::TlsVersion;

use by_name::ByName;
pub use validity::remarks;

/// What the administrator sets about TLS.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The files of each certificate and of its key, in the order in which they count. Empty: there is no TLS.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The file with the certificates of those who certify clients.
    pub client_ca: Option<PathBuf>,
    /// The oldest version of TLS that is spoken.
    pub minimum: TlsVersion,
}

/// Reads the certificates and their keys. `None` when none is configured: TLS is off.
///
/// # Errors
///
/// Which setting's file is at fault, and what is wrong with it: a line for each, which begins with the setting and a colon.
pub fn load(settings: &TlsSettings) -> Result<Option<Arc<ServerConfig>>, String> {
    if settings.files.is_empty() {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut faults = Vec::new();
    let mut certified = Vec::new();
    for (certificate, key) in &settings.files {
        match certified_key(certificate, key, &provider) {
            Ok(good) => certified.push(Arc::new(good)),
            Err(fault) => faults.push(fault),
        }
    }
    let clients = settings.client_ca.as_deref().map(|file| client_verifier(file, &provider)).transpose();
    let clients = clients.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }

    let versions: &[_] = match settings.minimum {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| format!("tls.minimum: {error}"))?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(certified)));
    // RFC 7301: a client that offers only others meant another server. One that offers none is served.
    config.alpn_protocols = vec![b"pop3".to_vec()];
    // One ticket a session: a mail program comes back with one connection at a time.
    config.send_tls13_tickets = 1;
    config.ticketer = rustls::crypto::ring::Ticketer::new()
        .map_err(|error| format!("tls: no keys for tickets: {error}"))?;
    Ok(Some(Arc::new(config)))
}

fn certified_key(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = certificates("tls.certificate", certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("tls.key: {}: {}", key.display(), what(&error)))?;
    CertifiedKey::from_der(chain, private_key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!(
                "tls.key: {}: is not the key of the certificate in {}",
                key.display(),
                certificate.display()
            )
        }
        error @ rustls::Error::InvalidCertificate(_) => {
            format!("tls.certificate: {}: {error}", certificate.display())
        }
        error => format!("tls.key: {}: {error}", key.display()),
    })
}

fn client_verifier(
    file: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls.client_ca", file)? {
        roots.add(certificate).map_err(|error| format!("tls.client_ca: {}: {error}", file.display()))?;
    }
    // A client without a certificate can still give a password.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| format!("tls.client_ca: {}: {error}", file.display()))
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("{setting}: {}: has no certificate in PEM form", file.display()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{setting}: {}: {}", file.display(), what(&error))),
    }
}

fn what(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => "has no key in PEM form".to_owned(),
        error => format!("is not in PEM form: {error}"),
    }
}

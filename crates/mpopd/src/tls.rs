//! TLS: from the `[tls]` settings to what rustls serves with.

use std::path::Path;
use std::sync::Arc;

use config::{Tls, TlsVersion};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Reads certificate and key. `None` when no certificate is configured: TLS is off.
///
/// # Errors
///
/// Which setting's file is at fault, and what is wrong with it.
pub(crate) fn load(settings: &Tls) -> Result<Option<Arc<ServerConfig>>, String> {
    let (chain, key) = match (&settings.certificate, &settings.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err("tls.key: missing, although tls.certificate is set".to_owned()),
        (None, Some(_)) => return Err("tls.certificate: missing, although tls.key is set".to_owned()),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = certificates("tls.certificate", chain)?;
    let private_key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("tls.key: {}: {}", key.display(), what(&error)))?;

    let versions: &[_] = match settings.minimum {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| format!("tls.minimum: {error}"))?;
    let builder = match &settings.client_ca {
        Some(file) => builder.with_client_cert_verifier(client_verifier(file, &provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, private_key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("tls.key: {}: is not the key of the certificate in {}", key.display(), chain.display())
        }
        error => format!("tls.certificate: {}: {error}", chain.display()),
    })?;
    config.alpn_protocols = vec![b"pop3".to_vec()];
    // One ticket a session: a mail program comes back with one connection at a time.
    config.send_tls13_tickets = 1;
    config.ticketer = rustls::crypto::ring::Ticketer::new()
        .map_err(|error| format!("tls: no keys for tickets: {error}"))?;
    Ok(Some(Arc::new(config)))
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

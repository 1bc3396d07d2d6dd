//! How the certificates of servers are checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipc::directory::ServerBounds;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::failure::{SettingsError, chain};

/// The certificate authorities that are trusted.
pub(crate) struct TrustedRoots(Vec<CertificateDer<'static>>);

impl TrustedRoots {
    /// The authorities of the file in the settings, or else of the system.
    ///
    /// # Errors
    ///
    /// The file cannot be used.
    pub(crate) fn of(bounds: &ServerBounds) -> Result<Self, SettingsError> {
        match &bounds.ca {
            Some(path) => Self::read(&PathBuf::from(path.clone())),
            // If one of the system's cannot be read and is needed, the handshake says so.
            None => Ok(Self(rustls_native_certs::load_native_certs().certs)),
        }
    }

    fn read(path: &Path) -> Result<Self, SettingsError> {
        let bad = |why: String| SettingsError::File { path: path.to_owned(), why };
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).map_err(|error| bad(chain(&error)))?.collect();
        match certificates {
            Ok(none) if none.is_empty() => Err(bad("it has no certificate in PEM form".to_owned())),
            Ok(certificates) => Ok(Self(certificates)),
            Err(error) => Err(bad(chain(&error))),
        }
    }

    /// The certificates, in DER form.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// The settings of a client that trusts these authorities.
    ///
    /// # Errors
    ///
    /// The library has no version of TLS in common with its cryptography.
    pub(crate) fn client(&self) -> Result<ClientConfig, SettingsError> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.0.iter().cloned());
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::Setting { key: "TLS", why: error.to_string() })?;
        Ok(client.with_root_certificates(store).with_no_client_auth())
    }
}

/// The cryptography, made the default of the process for libraries that take no other.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    // A second call fails because the same provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(rustls::crypto::ring::default_provider())
}

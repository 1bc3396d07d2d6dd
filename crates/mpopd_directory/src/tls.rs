//! Whom we believe that a server is who it says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipc::directory::ServerBounds;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::failure::{NotStarted, chain};

/// The certificates that vouch for servers.
pub(crate) struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Those of the file in the settings, else those of the system.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn of(bounds: &ServerBounds) -> Result<Self, NotStarted> {
        match &bounds.ca {
            Some(path) => Self::read(&PathBuf::from(path.clone())),
            // What cannot be read of the system's is missing when it is needed, and the handshake says so.
            None => Ok(Self(rustls_native_certs::load_native_certs().certs)),
        }
    }

    fn read(path: &Path) -> Result<Self, NotStarted> {
        let fault = |why: String| NotStarted::File { path: path.to_owned(), why };
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).map_err(|error| fault(chain(&error)))?.collect();
        match certificates {
            Ok(none) if none.is_empty() => Err(fault("it has no certificate in PEM form".to_owned())),
            Ok(certificates) => Ok(Self(certificates)),
            Err(error) => Err(fault(chain(&error))),
        }
    }

    /// The certificates, in DER form.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// The settings for a client that believes them.
    ///
    /// # Errors
    /// The library has no version of TLS in common with its cryptography.
    pub(crate) fn client(&self) -> Result<ClientConfig, NotStarted> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.0.iter().cloned());
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| NotStarted::Setting { key: "TLS", why: error.to_string() })?;
        Ok(client.with_root_certificates(store).with_no_client_auth())
    }
}

/// The cryptography, also for libraries that do not ask.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    // A second call finds the first one's, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(rustls::crypto::ring::default_provider())
}

//! TLS as a load test needs it: every handshake in full, no certificate refused.

use std::sync::Arc;

use tokio_rustls::TlsConnector;

/// A connector without session resumption, so that each session costs the server what a new client costs it.
///
/// # Errors
/// When the cryptography offers no protocol version, in words.
pub(crate) fn connector() -> Result<TlsConnector, String> {
    let config = any_certificate::client_config().map_err(|error| format!("TLS: {error}"))?;
    Ok(TlsConnector::from(Arc::new(config)))
}

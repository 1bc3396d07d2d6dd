//! The settings of TLS.

use std::path::PathBuf;

use vocabulary::TlsVersion;

/// The `[tls]` settings.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The files of each certificate and of its key, in order of preference. Empty: TLS is off.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The file with the certificates of the authorities that sign clients' certificates.
    pub client_ca: Option<PathBuf>,
    /// The oldest version of TLS that is accepted.
    pub minimum: TlsVersion,
}

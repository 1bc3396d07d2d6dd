//! The certificate of `mpopd try --tls`: made at the start, and trusted only by clients that are configured
//! to trust it.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::{Certificates, Config, Tls};
use rcgen::{CertificateParams, KeyPair};
use zeroize::Zeroizing;

use crate::error::StartError;

/// Writes a certificate for this machine's loopback names and `address`, and its key, into `folder`. Returns
/// the settings that name them.
///
/// # Errors
///
/// It could not be made or written.
pub(crate) fn write(folder: &Path, address: IpAddr) -> Result<Tls, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Option {
        option: "--tls",
        problem: format!("no certificate: {error}"),
    };
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), address.to_string()];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let certificate = CertificateParams::new(names)
        .and_then(|params| params.self_signed(&key))
        .map_err(|error| failed(&error))?;
    let (certificate_path, key_path) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate_path, certificate.pem()).map_err(|error| failed(&error))?;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&key_path)
        .and_then(|mut file| file.write_all(Zeroizing::new(key.serialize_pem()).as_bytes()))
        .map_err(|error| failed(&error))?;
    let certificate = Some(Certificates::One(certificate_path));
    Ok(Tls { certificate, key: Some(key_path), ..Config::default().tls })
}

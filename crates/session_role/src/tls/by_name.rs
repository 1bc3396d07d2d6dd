//! Chooses the certificate for a client: one with the name by which the client calls the server (SNI, RFC
//! 6066, section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// All certificates, and those for each name. A client that calls the server by an unknown name, or by none,
/// gets the first one, and decides itself whether to accept it.
#[derive(Debug)]
pub(super) struct CertificatesByName {
    all: Vec<Arc<CertifiedKey>>,
    named: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl CertificatesByName {
    /// Indexes the certificates, which are in order of preference.
    pub(super) fn new(all: Vec<Arc<CertifiedKey>>) -> Self {
        let mut named: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for certificate in &all {
            for name in certificate.cert.first().map(|first| names(first)).unwrap_or_default() {
                named.entry(name).or_default().push(certificate.clone());
            }
        }
        Self { all, named }
    }

    /// The certificates with this name, in lower case. If there are none: those with a wildcard for its first
    /// label (RFC 6125, section 6.4.3).
    fn of(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let exact = self.named.get(name);
        let found = exact.or_else(|| self.named.get(&format!("*.{}", name.split_once('.')?.1)))?;
        Some(found)
    }
}

impl ResolvesServerCert for CertificatesByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = hello.server_name().and_then(|name| self.of(name)).unwrap_or(&self.all);
        // A name may have one certificate for current clients, and one with RSA for old ones.
        let fits = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(hello.signature_schemes()).is_some();
        candidates.iter().find(fits).or(candidates.first()).cloned()
    }
}

/// The DNS names of a certificate, in lower case. A certificate that cannot be parsed has none.
fn names(certificate: &[u8]) -> Vec<String> {
    let certificate = Certificate::from_der(certificate).ok();
    let extension =
        certificate.and_then(|certificate| certificate.tbs_certificate.get::<SubjectAltName>().ok()?);
    let names = extension.map(|(_, names)| names.0).unwrap_or_default();
    let name = |name: GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        _ => None,
    };
    names.into_iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;

    fn certificate(names: &[&str]) -> Arc<CertifiedKey> {
        let key = KeyPair::generate().unwrap();
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let made = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = rustls::crypto::ring::default_provider();
        Arc::new(CertifiedKey::from_der(vec![made.der().clone()], key, &provider).unwrap())
    }

    #[test]
    fn a_name_finds_its_certificates_in_their_order() {
        let all = [
            certificate(&["mail.example.org", "127.0.0.1"]),
            certificate(&["*.example.net", "Pop.Example.COM"]),
            certificate(&["mail.example.org", "a.example.net"]),
        ];
        let by_name = CertificatesByName::new(all.to_vec());
        let found = |name: &str| -> Vec<usize> {
            let of = by_name.of(name).unwrap_or_default().iter();
            of.map(|one| all.iter().position(|other| Arc::ptr_eq(one, other)).unwrap()).collect()
        };
        assert_eq!(found("mail.example.org"), [0, 2]);
        assert_eq!(found("pop.example.com"), [1], "names have no case");
        assert_eq!(found("b.example.net"), [1]);
        assert_eq!(found("a.example.net"), [2], "a name itself comes before a wildcard");
        for other in ["example.net", "a.b.example.net", "example.org", "net", "", "127.0.0.1"] {
            assert_eq!(found(other), [0; 0], "{other}");
        }
    }
}

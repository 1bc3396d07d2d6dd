//! Reads the user name in a client's certificate. The certificate has been verified: `client_ca` vouches for
//! every octet.

use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The user: the first e-mail address among the certificate's alternative names, else the common name of its
/// subject (RFC 5280, sections 4.2.1.6 and 4.1.2.6). `None` when it has neither.
pub(crate) fn user(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
    let mail = certificate.get::<SubjectAltName>().ok().flatten().and_then(|(_, names)| {
        names.0.into_iter().find_map(|name| match name {
            GeneralName::Rfc822Name(address) => Some(address.as_str().to_owned()),
            _ => None,
        })
    });
    let user = mail.or_else(|| {
        let mut attributes = certificate.subject.0.iter().flat_map(|name| name.0.iter());
        let common_name = attributes.rfind(|attribute| attribute.oid == COMMON_NAME)?;
        match common_name.value.tag() {
            Tag::Utf8String => {
                common_name.value.decode_as::<Utf8StringRef<'_>>().ok().map(|name| name.as_str().to_owned())
            }
            Tag::PrintableString => common_name
                .value
                .decode_as::<PrintableStringRef<'_>>()
                .ok()
                .map(|name| name.as_str().to_owned()),
            _ => None,
        }
    })?;
    (user.len() <= ipc::login::MOST_USER).then_some(user)
}

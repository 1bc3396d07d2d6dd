//! Warnings about certificates that have expired or will expire soon.

use std::time::{Duration, SystemTime};

use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::pem_files;
use super::settings::TlsSettings;

/// A certificate that is renewed automatically is renewed long before.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Warnings about the certificates' dates, one for each file that needs one. Files that cannot be read have
/// none: [`load`](super::load) reports them as errors.
pub fn remarks(settings: &TlsSettings, now: SystemTime) -> Vec<String> {
    let files = settings.files.iter().map(|(certificate, _)| certificate);
    let remark = |file: &std::path::PathBuf| {
        let chain = pem_files::certificates(file).ok()?;
        Some(format!("{}: {}", file.display(), remark(chain.first()?, now)?))
    };
    files.filter_map(remark).collect()
}

fn remark(certificate: &[u8], now: SystemTime) -> Option<String> {
    let validity = Certificate::from_der(certificate).ok()?.tbs_certificate.validity;
    let (from, until) = (validity.not_before.to_system_time(), validity.not_after.to_system_time());
    let date = humantime::format_rfc3339_seconds;
    if until < now {
        Some(format!("the certificate holds no longer, since {}; renew it", date(until)))
    } else if now < from {
        Some(format!("the certificate does not hold until {}", date(from)))
    } else if until < now + SOON {
        Some(format!("the certificate holds only until {}; renew it", date(until)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn what_holds_no_longer_or_not_yet_or_not_for_long_is_told() {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 12, 31));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let on = |date: &str| remark(certificate.der(), humantime::parse_rfc3339(date).unwrap());
        assert_eq!(on("2020-06-01T00:00:00Z"), None);
        let told = |date: &str, expected: &str| {
            let told = on(date).unwrap();
            assert!(told.contains(expected), "{told}");
        };
        told("2019-12-31T00:00:00Z", "does not hold until 2020-01-01T00:00:00Z");
        told("2020-12-20T00:00:00Z", "only until 2020-12-31T00:00:00Z; renew it");
        told("2021-01-01T00:00:00Z", "no longer, since 2020-12-31T00:00:00Z; renew it");
    }
}

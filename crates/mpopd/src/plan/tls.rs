//! TLS: what the session role needs of `[tls]`, and whether its files can be used.

use std::time::SystemTime;

use config::{Config, Fault, Faults, Loaded};
use session_role::tls::{self, TlsReport, TlsSettings};

use crate::process::child;

/// The part of `[tls]` that the session role needs.
pub(crate) fn settings(config: &Config) -> TlsSettings {
    let files = config.tls.files().into_iter();
    TlsSettings {
        files: files.map(|(certificate, key)| (certificate.to_owned(), key.to_owned())).collect(),
        client_ca: config.tls.client_ca.clone(),
        minimum: config.tls.minimum,
    }
}

/// Checks the files of `[tls]` in a process of its own: neither the supervisor nor a process that it forks
/// may ever have had a key in memory.
///
/// # Errors
///
/// Each file that cannot be used, at the line of the setting that names it.
pub(crate) fn check(loaded: &Loaded) -> Result<(), Faults> {
    let settings = settings(&loaded.config);
    let load = || tls::load(&settings).map(|_| true).map_err(|errors| errors.encode());
    let problems = child::try_out(load).err().map(|error| error.to_string()).unwrap_or_default();
    let reports = TlsReport::decode(&problems).into_iter();
    Faults::none_in(reports.map(|report| loaded.fault(&report.setting, report.text)).collect())
}

/// Warnings about the certificates' dates.
pub(crate) fn warnings(loaded: &Loaded) -> impl Iterator<Item = Fault> {
    let remarks = tls::remarks(&settings(&loaded.config), SystemTime::now());
    remarks.into_iter().map(|remark| loaded.fault("tls.certificate", remark))
}

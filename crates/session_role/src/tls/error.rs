//! What is wrong with the `[tls]` settings.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;

/// One error of the `[tls]` settings. Displayed as the setting, a colon, the file if there is one, and the
/// problem.
#[derive(Debug)]
pub enum TlsError {
    /// A file that the administrator named cannot be used.
    File {
        /// The setting that names the file: `tls.certificate`, `tls.key` or `tls.client_ca`.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// The versions of TLS that `tls.minimum` allows cannot be used.
    Versions(rustls::Error),
    /// The system provides no keys for session tickets.
    TicketKeys(rustls::Error),
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum FileProblem {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It has a section that is not valid PEM.
    Malformed(pem::Error),
    /// It has no certificate.
    NoCertificate,
    /// It has no private key.
    NoKey,
    /// Its key belongs to another certificate than the one in this file.
    NotKeyOf(PathBuf),
    /// rustls does not accept its content.
    Rejected(rustls::Error),
    /// Its certificates cannot verify clients.
    CannotVerify(VerifierBuilderError),
}

impl TlsError {
    pub(super) fn file(setting: &'static str, file: &Path, problem: FileProblem) -> Self {
        Self::File { setting, file: file.to_owned(), problem }
    }

    /// The setting to correct.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::File { setting, .. } => setting,
            Self::Versions(_) => "tls.minimum",
            Self::TicketKeys(_) => "tls",
        }
    }

    /// What is wrong, without the setting.
    fn text(&self) -> String {
        match self {
            Self::File { file, problem, .. } => format!("{}: {problem}", file.display()),
            Self::Versions(error) => error.to_string(),
            Self::TicketKeys(error) => format!("no keys for tickets: {error}"),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting(), self.text())
    }
}

impl std::error::Error for TlsError {}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::Malformed(error) => write!(f, "is not in PEM form: {error}"),
            Self::NoCertificate => f.write_str("has no certificate in PEM form"),
            Self::NoKey => f.write_str("has no key in PEM form"),
            Self::NotKeyOf(certificate) => {
                write!(f, "is not the key of the certificate in {}", certificate.display())
            }
            Self::Rejected(error) => error.fmt(f),
            Self::CannotVerify(error) => error.fmt(f),
        }
    }
}

impl From<pem::Error> for FileProblem {
    fn from(error: pem::Error) -> Self {
        match error {
            pem::Error::Io(error) => Self::Unreadable(error),
            pem::Error::NoItemsFound => Self::NoKey,
            error => Self::Malformed(error),
        }
    }
}

/// All errors of the `[tls]` settings, at least one. Displayed with one error a line.
#[derive(Debug)]
pub struct TlsErrors(pub(super) Vec<TlsError>);

impl TlsErrors {
    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &TlsError> {
        self.0.iter()
    }

    /// Encodes the errors as text, so that a process that only checks the settings can pass them to its
    /// parent. [`TlsReport::decode`] reads it.
    #[must_use]
    pub fn encode(&self) -> String {
        let encoded = self.iter().map(|error| format!("{}\0{}\0", error.setting(), error.text()));
        encoded.collect()
    }
}

impl fmt::Display for TlsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(TlsError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for TlsErrors {}

impl From<TlsError> for TlsErrors {
    fn from(error: TlsError) -> Self {
        Self(vec![error])
    }
}

/// An error of the `[tls]` settings as another process reported it.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsReport {
    /// The setting to correct.
    pub setting: String,
    /// What is wrong: the file if there is one, and the problem.
    pub text: String,
}

impl TlsReport {
    /// Decodes what [`TlsErrors::encode`] returned. Any other text, such as the report of a crash, is one
    /// error of `[tls]` as a whole.
    #[must_use]
    pub fn decode(encoded: &str) -> Vec<Self> {
        let mut parts = encoded.split_terminator('\0').map(str::to_owned);
        let mut reports = Vec::new();
        while let Some(first) = parts.next() {
            reports.push(match parts.next() {
                Some(text) => Self { setting: first, text },
                None => Self { setting: "tls".to_owned(), text: first },
            });
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_the_way_between_processes() {
        let unreadable = FileProblem::Unreadable(io::Error::from(io::ErrorKind::NotFound));
        let errors = TlsErrors(vec![
            TlsError::file("tls.key", Path::new("/a: b\nc"), unreadable),
            TlsError::file("tls.certificate", Path::new("/d"), FileProblem::NoCertificate),
        ]);
        let reports = TlsReport::decode(&errors.encode());
        let report = |setting: &str, text: &str| TlsReport { setting: setting.into(), text: text.into() };
        assert_eq!(
            reports,
            [
                report("tls.key", "/a: b\nc: cannot be read: entity not found"),
                report("tls.certificate", "/d: has no certificate in PEM form"),
            ]
        );
        assert_eq!(
            errors.to_string(),
            "tls.key: /a: b\nc: cannot be read: entity not found\n\
             tls.certificate: /d: has no certificate in PEM form"
        );
    }

    #[test]
    fn other_text_is_an_error_of_tls_as_a_whole() {
        let crash = TlsReport { setting: "tls".into(), text: "it panicked: badly".into() };
        assert_eq!(TlsReport::decode("it panicked: badly"), [crash]);
        assert_eq!(TlsReport::decode(""), []);
    }
}

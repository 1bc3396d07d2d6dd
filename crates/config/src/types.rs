//! Types of settings that the standard library does not have.

use std::collections::BTreeMap;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Values of one setting by user name.
pub type PerUser<T> = BTreeMap<String, T>;

/// The certificates of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// The one in this file; `tls.key` names the file of its key.
    One(PathBuf),
    /// One for each table `[[tls.certificate]]`, in the order of the file.
    Several(Vec<CertificateFiles>),
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The file with the certificate and its intermediates, in PEM form.
    pub certificate: PathBuf,
    /// The file with the key, in PEM form.
    pub key: PathBuf,
}

/// Who may log in, and where the mail is: `auth_type`, written as a number from 1 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AuthType {
    /// System users, by passwd and shadow or by PAM.
    System = 1,
    /// System users, or else the user list of the client's host name.
    SystemOrHost = 2,
    /// As `SystemOrHost`, or else `user@domain` in the user list of that domain.
    SystemOrHostOrDomain = 3,
    /// The user list of the client's host name.
    Host = 4,
    /// As `Host`, or else `user@domain` in the user list of that domain.
    HostOrDomain = 5,
    /// One user list for all clients.
    List = 6,
    /// Plugins: programs that check the name and the password.
    Plugin = 7,
}

impl AuthType {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::System,
        Self::SystemOrHost,
        Self::SystemOrHostOrDomain,
        Self::Host,
        Self::HostOrDomain,
        Self::List,
        Self::Plugin,
    ];

    /// The number in the file, 1 to 7.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A password or other secret in the clear. Neither `Debug` nor `--print-config` shows it. It is wiped from
/// memory when dropped, so that no process that is forked later inherits it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// What is shown in its place.
    pub(crate) const SHOWN: &'static str = "******";

    /// Takes over the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::SHOWN)
    }
}

//! The types that settings have, where the standard library has none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Values of one setting by user name.
pub type PerUser<T> = BTreeMap<String, T>;

/// The certificates that clients are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// The one in this file; `tls.key` names the file of its key.
    One(PathBuf),
    /// One for each table `[[tls.certificate]]`, in their order.
    Several(Vec<CertificateFiles>),
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The file with the certificate and those that lead from it to its root, in PEM form.
    pub certificate: PathBuf,
    /// The file with the key, in PEM form.
    pub key: PathBuf,
}

/// A type whose values are written as one of a few words.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// Each value with its word, in the order in which messages and manual list them.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

/// Declares an enum together with the words that stand for its values in the file.
macro_rules! words {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$value_doc:meta])* $value:ident = $word:literal ),+ $(,)? } )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$value_doc])* $value ),+ }

        impl Words for $name {
            const WORDS: &'static [(&'static str, Self)] = &[ $( ($word, Self::$value) ),+ ];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    )+ };
}

words! {
    /// How a maildrop is stored and served.
    Storage {
        /// One mbox file, read in place.
        Mbox = "mbox",
        /// One mbox file, taken apart into a spool at login.
        Disk = "disk",
        /// One mbox file, taken apart in memory at login.
        Ram = "ram",
        /// A Maildir: `new/`, `cur/` and `tmp/`.
        Maildir = "maildir",
    }

    /// From where a password may come over a connection without TLS.
    AllowPlaintext {
        /// From nowhere.
        Never = "never",
        /// From this machine: 127.0.0.0/8 and ::1.
        Loopback = "loopback",
        /// From everywhere.
        Always = "always",
    }

    /// A lock that mail delivery agents honour.
    LockMethod {
        /// A file `USER.lock` beside the mbox.
        Dotlock = "dotlock",
        /// A record lock, fcntl(2).
        Fcntl = "fcntl",
        /// A lock of the whole file, flock(2).
        Flock = "flock",
    }

    /// How a body line that begins with `From ` was quoted by whoever delivered it.
    UnescapeFrom {
        /// Leave such lines as they are.
        None = "none",
        /// One `>` before `From ` is taken away.
        Mboxo = "mboxo",
        /// One `>` before any number of `>` and `From ` is taken away.
        Mboxrd = "mboxrd",
    }

    /// A language of replies.
    Language {
        /// English.
        English = "en",
        /// German.
        German = "de",
    }

    /// The least important lines that are still logged.
    LogLevel {
        /// What failed.
        Error = "error",
        /// What may need a person.
        Warn = "warn",
        /// Logins and logouts.
        Info = "info",
        /// What an administrator in search of a fault wants.
        Debug = "debug",
        /// What a programmer in search of a fault wants.
        Trace = "trace",
    }

    /// How a log line is written.
    LogFormat {
        /// As in INTERFACE section 5.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }

    /// A version of TLS.
    TlsVersion {
        /// RFC 5246.
        V1_2 = "1.2",
        /// RFC 8446.
        V1_3 = "1.3",
    }

    /// A SASL mechanism, for AUTH (RFC 5034).
    SaslMechanism {
        /// RFC 4616.
        Plain = "PLAIN",
        /// The two-question form that old mail programs use.
        Login = "LOGIN",
        /// RFC 7677.
        ScramSha256 = "SCRAM-SHA-256",
        /// RFC 7677, bound to the TLS channel.
        ScramSha256Plus = "SCRAM-SHA-256-PLUS",
        /// RFC 4422, appendix A: the client's certificate.
        External = "EXTERNAL",
        /// RFC 7628.
        OauthBearer = "OAUTHBEARER",
        /// What OAUTHBEARER was before it had an RFC.
        Xoauth2 = "XOAUTH2",
    }
}

impl SaslMechanism {
    /// The name by which CAPA offers it and AUTH asks for it.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// The mechanism of this name, which is in capitals.
    pub fn named(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == name).map(|(_, mechanism)| *mechanism)
    }
}

/// Who may log in, and where the mail is: `auth_type`, written as a number from 1 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AuthType {
    /// System users, by passwd and shadow or by PAM.
    System = 1,
    /// System users, else the user list of the client's host name.
    SystemOrHost = 2,
    /// The same, else `user@domain` in the user list of that domain.
    SystemOrHostOrDomain = 3,
    /// The user list of the client's host name.
    Host = 4,
    /// The same, else `user@domain` in the user list of that domain.
    HostOrDomain = 5,
    /// One user list, for clients from anywhere.
    List = 6,
    /// Plugins: executables that judge the name and the password.
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

/// Where the log goes: `debug_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere; written as the empty string.
    None,
    /// syslog(3).
    Syslog,
    /// The systemd journal.
    Journald,
    /// A file, by its absolute path.
    File(PathBuf),
}

/// A password or the like, in the clear: neither `Debug` nor `--print-config` shows it, and it is wiped from memory with its owner, so
/// that no process forked later inherits it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// What stands in its place wherever it would be shown.
    pub(crate) const SHOWN: &'static str = "******";

    /// Takes the text over.
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

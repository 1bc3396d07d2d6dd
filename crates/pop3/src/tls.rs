//! What encryption does to a dialogue.

/// How far TLS is with a connection, and what may cross it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The connection is not encrypted and cannot become so.
    Unavailable(Plaintext),
    /// The connection is not encrypted; CAPA offers STLS before a login (RFC 2595, section 4).
    Offered(Plaintext),
    /// The connection is encrypted: from its start, or since STLS. Passwords may cross it.
    Active,
}

/// Whether passwords may cross a connection that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// USER and PASS work and CAPA offers USER.
    Allowed,
    /// USER and PASS are refused with a text that says why, and CAPA does not offer USER (RFC 8314, section 4.1).
    Forbidden,
}

impl Tls {
    /// Whether passwords may cross the connection as it is now.
    pub fn plaintext(self) -> Plaintext {
        match self {
            Self::Unavailable(plaintext) | Self::Offered(plaintext) => plaintext,
            Self::Active => Plaintext::Allowed,
        }
    }
}

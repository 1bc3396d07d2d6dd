//! How encryption affects a dialogue.

/// Whether a connection is encrypted, and if not, whether it can be and whether passwords may cross it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The connection is not encrypted and cannot be.
    Unavailable(Plaintext),
    /// The connection is not encrypted; CAPA offers STLS before a login (RFC 2595, section 4).
    Offered(Plaintext),
    /// The connection is encrypted, from its start or since STLS. Passwords may cross it.
    Active,
}

/// Whether passwords may cross a connection that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// USER and PASS work and CAPA offers USER.
    Allowed,
    /// USER and PASS are refused with an explanation, and CAPA does not offer USER (RFC 8314, section 4.1).
    Forbidden,
}

impl Tls {
    /// Whether passwords may cross the connection in its current state.
    pub fn plaintext(self) -> Plaintext {
        match self {
            Self::Unavailable(plaintext) | Self::Offered(plaintext) => plaintext,
            Self::Active => Plaintext::Allowed,
        }
    }
}

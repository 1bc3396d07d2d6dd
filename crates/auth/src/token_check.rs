//! Checking OAuth 2.0 access tokens.

/// Finds out whose an access token is: by asking a server, or with the server's keys.
pub trait TokenCheck {
    /// The user to whom this access token was issued (RFC 6749, section 1.4). The token consists of the
    /// characters that RFC 6750, section 2.1, allows.
    ///
    /// # Errors
    ///
    /// Why the token does not let anybody in.
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken>;

    /// The scope that a token must have; clients with a refused token are told it. Empty if there is none.
    fn scope(&self) -> &str {
        ""
    }
}

/// Why a token does not let anybody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It is invalid, expired, or for another server.
    Refused,
    /// It could not be checked now. The text says why, for the log; it contains no part of the token.
    Temporary(String),
}

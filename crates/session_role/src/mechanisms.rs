//! What is offered.

use vocabulary::SaslMechanism;

/// What decides which mechanisms a connection offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// It is encrypted.
    pub(crate) tls: bool,
    /// Passwords may cross it without encryption (`allow_plaintext`).
    pub(crate) plaintext: bool,
    /// It has a channel binding of the type `tls-exporter`.
    pub(crate) channel_binding: bool,
    /// The client has shown a certificate that was verified and names a user.
    pub(crate) certificate: bool,
    /// The users' passwords are stored so that SCRAM can check them: see
    /// `auth::Authenticator::scram_fits`.
    pub(crate) scram: bool,
    /// There is somebody who checks tokens.
    pub(crate) tokens: bool,
}

/// Those of the configured mechanisms that a connection offers, in the same order.
pub(crate) fn offered(configured: &[SaslMechanism], connection: &Connection) -> Vec<SaslMechanism> {
    let &Connection { tls, plaintext, channel_binding, certificate, scram, tokens } = connection;
    let works = |mechanism: &SaslMechanism| match mechanism {
        SaslMechanism::Plain | SaslMechanism::Login => tls || plaintext,
        SaslMechanism::OauthBearer | SaslMechanism::Xoauth2 => tokens && (tls || plaintext),
        SaslMechanism::ScramSha256 => scram,
        SaslMechanism::ScramSha256Plus => scram && tls && channel_binding,
        SaslMechanism::External => tls && certificate,
    };
    configured.iter().copied().filter(works).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use SaslMechanism::*;

    const ALL: [SaslMechanism; 7] =
        [Plain, Login, ScramSha256, ScramSha256Plus, External, OauthBearer, Xoauth2];

    #[test]
    fn what_a_connection_has_decides_what_it_offers() {
        let bare = Connection::default();
        let full = Connection {
            tls: true,
            channel_binding: true,
            certificate: true,
            scram: true,
            tokens: true,
            ..bare
        };
        for (connection, expected) in [
            (bare, &[][..]),
            (Connection { scram: true, ..bare }, &[ScramSha256]),
            (Connection { plaintext: true, ..bare }, &[Plain, Login]),
            (Connection { tls: true, ..bare }, &[Plain, Login]),
            (Connection { tls: true, tokens: true, ..bare }, &[Plain, Login, OauthBearer, Xoauth2]),
            (Connection { tls: true, scram: true, ..bare }, &[Plain, Login, ScramSha256]),
            (Connection { tls: true, certificate: true, ..bare }, &[Plain, Login, External]),
            (full, &ALL),
            // Without TLS there is nothing to bind to, whatever somebody says.
            (Connection { tls: false, ..full }, &[ScramSha256]),
        ] {
            assert_eq!(offered(&ALL, &connection), expected, "{connection:?}");
        }
        assert_eq!(offered(&[Login, Plain], &full), [Login, Plain], "as configured, and no more");
    }
}

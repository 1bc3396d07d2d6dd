//! The SASL mechanisms that a connection offers.

use std::sync::Arc;

use pop3::{Mechanisms, Plaintext, Tls};
use vocabulary::SaslMechanism;

/// What the settings and the users' passwords allow, for all connections.
#[derive(Debug, Clone, Default)]
pub struct MechanismOffer {
    /// `sasl_mechanisms`.
    pub configured: Vec<SaslMechanism>,
    /// Whether every user's password is stored so that SCRAM can check it.
    pub scram: bool,
    /// Whether an OAuth server is configured, which checks tokens.
    pub tokens: bool,
}

/// The lists of mechanisms that most connections share, made once.
pub(crate) struct OfferedMechanisms {
    offer: MechanismOffer,
    forbidden: Mechanisms,
    allowed: Mechanisms,
    encrypted: Mechanisms,
    /// Encrypted, without a channel binding: TLS 1.2, or TLS that ends at a proxy.
    unbound: Mechanisms,
}

impl OfferedMechanisms {
    pub(crate) fn new(offer: MechanismOffer) -> Self {
        let list = |conditions| list(&offer, &conditions);
        let MechanismOffer { scram, tokens, .. } = offer;
        let bare = MechanismConditions { scram, tokens, ..MechanismConditions::default() };
        let forbidden = list(bare);
        let allowed = list(MechanismConditions { plaintext: true, ..bare });
        let encrypted = list(MechanismConditions { tls: true, channel_binding: true, ..bare });
        let unbound = list(MechanismConditions { tls: true, ..bare });
        Self { offer, forbidden, allowed, encrypted, unbound }
    }

    /// For a connection that this server does not encrypt, or not yet.
    pub(crate) fn before_tls(&self, tls: Tls) -> Mechanisms {
        match tls {
            // TLS ends at a proxy: there is no channel binding, and no certificate of the client.
            Tls::Active => self.unbound.clone(),
            Tls::Offered(Plaintext::Allowed) | Tls::Unavailable(Plaintext::Allowed) => self.allowed.clone(),
            Tls::Offered(Plaintext::Forbidden) | Tls::Unavailable(Plaintext::Forbidden) => {
                self.forbidden.clone()
            }
        }
    }

    /// For a connection under TLS.
    pub(crate) fn encrypted(&self, channel_binding: bool, certificate: bool) -> Mechanisms {
        if !certificate {
            return if channel_binding { self.encrypted.clone() } else { self.unbound.clone() };
        }
        let MechanismOffer { scram, tokens, .. } = self.offer;
        let conditions =
            MechanismConditions { tls: true, plaintext: true, channel_binding, certificate, scram, tokens };
        list(&self.offer, &conditions)
    }
}

fn list(offer: &MechanismOffer, conditions: &MechanismConditions) -> Mechanisms {
    let usable = usable(&offer.configured, conditions);
    Arc::from_iter(usable.into_iter().map(SaslMechanism::word))
}

/// The conditions that decide which mechanisms a connection offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MechanismConditions {
    /// It is encrypted.
    tls: bool,
    /// Passwords may be sent without encryption (`allow_plaintext`).
    plaintext: bool,
    /// It has a channel binding of the type `tls-exporter`.
    channel_binding: bool,
    /// The client has sent a certificate that was verified and names a user.
    certificate: bool,
    /// Every user's password is stored so that SCRAM can check it.
    scram: bool,
    /// An OAuth server is configured, which checks tokens.
    tokens: bool,
}

/// The configured mechanisms that work under these conditions, in the same order.
fn usable(configured: &[SaslMechanism], conditions: &MechanismConditions) -> Vec<SaslMechanism> {
    let &MechanismConditions { tls, plaintext, channel_binding, certificate, scram, tokens } = conditions;
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
        let bare = MechanismConditions::default();
        let full = MechanismConditions {
            tls: true,
            channel_binding: true,
            certificate: true,
            scram: true,
            tokens: true,
            ..bare
        };
        for (connection, expected) in [
            (bare, &[][..]),
            (MechanismConditions { scram: true, ..bare }, &[ScramSha256]),
            (MechanismConditions { plaintext: true, ..bare }, &[Plain, Login]),
            (MechanismConditions { tls: true, ..bare }, &[Plain, Login]),
            (MechanismConditions { tls: true, tokens: true, ..bare }, &[Plain, Login, OauthBearer, Xoauth2]),
            (MechanismConditions { tls: true, scram: true, ..bare }, &[Plain, Login, ScramSha256]),
            (MechanismConditions { tls: true, certificate: true, ..bare }, &[Plain, Login, External]),
            (full, &ALL),
            // Without TLS there is no channel binding, even if a condition says so.
            (MechanismConditions { tls: false, ..full }, &[ScramSha256]),
        ] {
            assert_eq!(usable(&ALL, &connection), expected, "{connection:?}");
        }
        assert_eq!(usable(&[Login, Plain], &full), [Login, Plain], "as configured, and no more");
    }
}

//! Which SASL mechanisms a connection offers.

use std::sync::Arc;

use pop3::{Mechanisms, Plaintext, Tls};
use vocabulary::SaslMechanism;

use crate::mechanisms::{self, Connection};

/// What all connections have in common.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// `sasl_mechanisms`.
    pub configured: Vec<SaslMechanism>,
    /// Whether SCRAM can check every user's password.
    pub scram: bool,
    /// Whether there is somebody who checks tokens.
    pub tokens: bool,
}

/// The lists that nearly all connections share, made once.
pub(crate) struct Offers {
    offer: Offer,
    forbidden: Mechanisms,
    allowed: Mechanisms,
    encrypted: Mechanisms,
    /// Encrypted, with nothing to bind to: TLS 1.2, or TLS that ends at a proxy.
    unbound: Mechanisms,
}

impl Offers {
    pub(crate) fn new(offer: Offer) -> Offers {
        let list = |connection| list(&offer, &connection);
        let Offer { scram, tokens, .. } = offer;
        let bare = Connection { scram, tokens, ..Connection::default() };
        let forbidden = list(bare);
        let allowed = list(Connection { plaintext: true, ..bare });
        let encrypted = list(Connection { tls: true, channel_binding: true, ..bare });
        let unbound = list(Connection { tls: true, ..bare });
        Offers { offer, forbidden, allowed, encrypted, unbound }
    }

    /// For a connection that this server does not encrypt, or not yet.
    pub(crate) fn before_tls(&self, tls: Tls) -> Mechanisms {
        match tls {
            // It is encrypted as far as a proxy: there is nothing to bind to, and no certificate to look at.
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
        let Offer { scram, tokens, .. } = self.offer;
        let connection =
            Connection { tls: true, plaintext: true, channel_binding, certificate, scram, tokens };
        list(&self.offer, &connection)
    }
}

fn list(offer: &Offer, connection: &Connection) -> Mechanisms {
    let offered = mechanisms::offered(&offer.configured, connection);
    Arc::from_iter(offered.into_iter().map(SaslMechanism::word))
}

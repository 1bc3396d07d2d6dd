//! Which SASL mechanisms a connection offers.

use std::sync::Arc;

use ::auth::sasl::{self, Connection};
use config::SaslMechanism;
use pop3::Mechanisms;

/// What all connections have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offer {
    /// `sasl_mechanisms`.
    pub(crate) configured: Vec<SaslMechanism>,
    /// Whether SCRAM can check every user's password.
    pub(crate) scram: bool,
    /// Whether there is somebody who checks tokens.
    pub(crate) tokens: bool,
}

/// The three lists that nearly all connections share, made once.
pub(super) struct Offers {
    offer: Offer,
    forbidden: Mechanisms,
    allowed: Mechanisms,
    encrypted: Mechanisms,
}

impl Offers {
    pub(super) fn new(offer: Offer) -> Offers {
        let list = |connection| list(&offer, &connection);
        let Offer { scram, tokens, .. } = offer;
        let bare = Connection { scram, tokens, ..Connection::default() };
        let forbidden = list(bare);
        let allowed = list(Connection { plaintext: true, ..bare });
        let encrypted = list(Connection { tls: true, channel_binding: true, ..bare });
        Offers { offer, forbidden, allowed, encrypted }
    }

    /// For a connection in the clear, over which passwords may go or not.
    pub(super) fn in_the_clear(&self, plaintext: pop3::Plaintext) -> Mechanisms {
        match plaintext {
            pop3::Plaintext::Allowed => self.allowed.clone(),
            pop3::Plaintext::Forbidden => self.forbidden.clone(),
        }
    }

    /// For a connection under TLS.
    pub(super) fn encrypted(&self, channel_binding: bool, certificate: bool) -> Mechanisms {
        if channel_binding && !certificate {
            return self.encrypted.clone();
        }
        let Offer { scram, tokens, .. } = self.offer;
        let connection =
            Connection { tls: true, plaintext: true, channel_binding, certificate, scram, tokens };
        list(&self.offer, &connection)
    }
}

fn list(offer: &Offer, connection: &Connection) -> Mechanisms {
    let offered = sasl::offered(&offer.configured, connection);
    Arc::from_iter(offered.into_iter().map(SaslMechanism::name))
}

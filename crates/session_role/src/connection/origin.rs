//! Which client a connection belongs to, also when a proxy forwards it.

use std::net::IpAddr;

use pop3::proxy::TlsToProxy;
use pop3::{Forwarded, Plaintext, Tls};
use vocabulary::AllowPlaintext;

use crate::limits::{Network, QuotaSlot};
use crate::settings::Settings;
use crate::shared::Shared;

/// The client of a connection, as far as it is known.
pub(crate) struct Origin {
    /// The client's address; behind a proxy, the one that the proxy names.
    pub(crate) peer: IpAddr,
    /// The TLS between the client and the proxy, if there is a proxy that reports it.
    pub(crate) tls: Option<TlsToProxy>,
    /// Whether the peer may name another client: it is a trusted proxy.
    pub(crate) trusted_proxy: bool,
    /// One of the connections that its network may have. A proxy takes none: the clients that it names take
    /// one each.
    _slot: Option<QuotaSlot<Network>>,
}

impl Origin {
    /// A connection from this address; `None` if its network has too many.
    pub(crate) fn of(shared: &Shared, peer: IpAddr, tls: Option<TlsToProxy>) -> Option<Self> {
        let peer = peer.to_canonical();
        let trusted_proxy = shared.settings.proxies.contain(peer);
        let slot = match trusted_proxy {
            true => None,
            false => Some(shared.network_quota.take(Network::of(peer))?),
        };
        Some(Self { peer, tls, trusted_proxy, _slot: slot })
    }

    /// The connection of a client that a proxy does not name: it has the proxy's address, but is not trusted.
    pub(crate) fn of_unknown_client(self) -> Self {
        Self { trusted_proxy: false, ..self }
    }

    /// The same connection with the client that a proxy names; `None` if that client's network has too many.
    pub(crate) fn forwarded(&self, shared: &Shared, forwarded: &Forwarded) -> Option<Self> {
        let tls = forwarded.tls.then_some(TlsToProxy::Unknown);
        match forwarded.address {
            Some(client) => Self::of(shared, client, tls),
            // It reports something else, such as the number of its session.
            None => Self::of(shared, self.peer, tls.or(self.tls)),
        }
    }

    /// The state of encryption for the dialogue. `encrypted_here`: whether this server itself encrypts the
    /// connection.
    pub(crate) fn security(&self, settings: &Settings, encrypted_here: bool) -> Tls {
        let plaintext = match settings.allow_plaintext {
            AllowPlaintext::Always => Plaintext::Allowed,
            AllowPlaintext::Loopback if self.peer.is_loopback() => Plaintext::Allowed,
            AllowPlaintext::Loopback | AllowPlaintext::Never => Plaintext::Forbidden,
        };
        match encrypted_here || self.tls.is_some() {
            true => Tls::Active,
            false if settings.stls && settings.tls.is_some() => Tls::Offered(plaintext),
            false => Tls::Unavailable(plaintext),
        }
    }
}

//! Whose connection it is: the address that counts, and who is believed when it says that it is another's.

use std::net::IpAddr;

use ipnet::IpNet;
use pop3::proxy::TlsToProxy;
use pop3::{Forwarded, Plaintext, Tls};
use vocabulary::AllowPlaintext;

use crate::network::Network;
use crate::seats::Seat;
use crate::{House, Limits};

/// Who may speak for others.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// `proxy_networks`: a connection from there begins with a PROXY protocol header.
    pub header: Vec<IpNet>,
    /// `xclient_networks`: a connection from there may say XCLIENT.
    pub xclient: Vec<IpNet>,
}

impl Proxies {
    /// Whether a connection from this address must begin with a header.
    pub(crate) fn send_headers(&self, peer: IpAddr) -> bool {
        self.header.iter().any(|network| network.contains(&peer))
    }

    /// Whether it is believed whom this address speaks for.
    pub(crate) fn are_at(&self, peer: IpAddr) -> bool {
        self.send_headers(peer) || self.xclient.iter().any(|network| network.contains(&peer))
    }
}

/// Where a connection comes from, as far as that is known and believed.
pub(crate) struct Origin {
    /// The address that counts.
    pub(crate) peer: IpAddr,
    /// What encrypts the way to the proxy, if there is one that says so.
    pub(crate) tls: Option<TlsToProxy>,
    /// Whether it may say that it speaks for others.
    pub(crate) believed: bool,
    /// Its place among the connections that its network may have. A proxy takes none: those of whom it speaks for count.
    _seat: Option<Seat<Network>>,
}

impl Origin {
    /// A connection from this address; `None` if its network has as many as it may.
    pub(crate) fn of(house: &House, peer: IpAddr, tls: Option<TlsToProxy>) -> Option<Origin> {
        let peer = peer.to_canonical();
        let believed = house.limits.proxies.are_at(peer);
        let seat = match believed {
            true => None,
            false => Some(house.network_seats.take(Network::of(peer))?),
        };
        Some(Origin { peer, tls, believed, _seat: seat })
    }

    /// The connection of somebody whom a proxy does not name: they have its address, and nothing else of it.
    pub(crate) fn of_anybody(self) -> Origin {
        Origin { believed: false, ..self }
    }

    /// The same connection after what a proxy says of its client; `None` if that client's network has as many as it may.
    pub(crate) fn forwarded(&self, house: &House, forwarded: &Forwarded) -> Option<Origin> {
        let tls = forwarded.tls.then_some(TlsToProxy::Unknown);
        match forwarded.address {
            Some(client) => Origin::of(house, client, tls),
            // It has only named the session or the like.
            None => Origin::of(house, self.peer, tls.or(self.tls)),
        }
    }

    /// What encryption there is for the dialogue to go by. `encrypted_here` is whether this server itself encrypts the connection.
    pub(crate) fn security(&self, limits: &Limits, encrypted_here: bool) -> Tls {
        let plaintext = match limits.allow_plaintext {
            AllowPlaintext::Always => Plaintext::Allowed,
            AllowPlaintext::Loopback if self.peer.is_loopback() => Plaintext::Allowed,
            AllowPlaintext::Loopback | AllowPlaintext::Never => Plaintext::Forbidden,
        };
        match encrypted_here || self.tls.is_some() {
            true => Tls::Active,
            false if limits.stls && limits.tls.is_some() => Tls::Offered(plaintext),
            false => Tls::Unavailable(plaintext),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_no_proxy_speaks_for_nobody_else() {
        let networks = |list: &[&str]| list.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = Proxies {
            header: networks(&["10.0.0.0/8", "2001:db8::/32"]),
            xclient: networks(&["192.0.2.1/32"]),
        };
        for (address, headers, believed) in [
            ("10.1.2.3", true, true),
            ("2001:db8::1", true, true),
            ("192.0.2.1", false, true),
            ("192.0.2.2", false, false),
            ("::1", false, false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!((proxies.send_headers(address), proxies.are_at(address)), (headers, believed));
        }
        assert!(!Proxies::default().are_at([127, 0, 0, 1].into()));
    }
}

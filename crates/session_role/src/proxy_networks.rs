//! The networks of trusted proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks whose connections may speak for other clients.
#[derive(Debug, Clone, Default)]
pub struct ProxyNetworks {
    /// `proxy_networks`: a connection from there begins with a PROXY protocol header.
    pub header: Vec<IpNet>,
    /// `xclient_networks`: a connection from there may send XCLIENT.
    pub xclient: Vec<IpNet>,
}

impl ProxyNetworks {
    /// Whether a connection from this address must begin with a header.
    pub(crate) fn send_headers(&self, peer: IpAddr) -> bool {
        self.header.iter().any(|network| network.contains(&peer))
    }

    /// Whether a connection from this address may name another client.
    pub(crate) fn contain(&self, peer: IpAddr) -> bool {
        self.send_headers(peer) || self.xclient.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_speak_for_other_clients() {
        let networks = |list: &[&str]| list.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = ProxyNetworks {
            header: networks(&["10.0.0.0/8", "2001:db8::/32"]),
            xclient: networks(&["192.0.2.1/32"]),
        };
        for (address, headers, trusted_proxy) in [
            ("10.1.2.3", true, true),
            ("2001:db8::1", true, true),
            ("192.0.2.1", false, true),
            ("192.0.2.2", false, false),
            ("::1", false, false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!((proxies.send_headers(address), proxies.contain(address)), (headers, trusted_proxy));
        }
        assert!(!ProxyNetworks::default().contain([127, 0, 0, 1].into()));
    }
}

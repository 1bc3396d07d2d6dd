//! Which clients a line of the access files matches.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::host::HostName;

/// A set of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientPattern {
    /// `ALL`.
    All,
    /// An address, `100.0.0.`, `100.0.0.*`, `192.0.2.0/24`, `2001:db8::/32`.
    Network(IpNet),
    /// A host name.
    Host(HostName),
    /// `.example.org` or `*.example.org`: every host below that domain.
    Below(HostName),
}

impl ClientPattern {
    /// Parses one word of a line.
    ///
    /// # Errors
    ///
    /// It has none of these forms.
    pub(super) fn parse(word: &str) -> Result<Self, BadClientPattern> {
        if word.eq_ignore_ascii_case("ALL") {
            return Ok(Self::All);
        }
        if word.contains('/') {
            return cidr(word).map(Self::Network);
        }
        if let Ok(address) = word.parse::<IpAddr>() {
            return network(IpNet::from(address)).map(Self::Network);
        }
        if let Some(domain) = word.strip_prefix("*.").or_else(|| word.strip_prefix('.')) {
            return HostName::parse(domain).map(Self::Below).ok_or(BadClientPattern::Nothing);
        }
        let prefix = word.strip_suffix('*').unwrap_or(word);
        if let Some(groups) = prefix.strip_suffix('.').filter(|_| is_numeric(prefix)) {
            return ipv4_prefix(groups).map(Self::Network);
        }
        if let Some(groups) = prefix.strip_suffix(':') {
            return ipv6_prefix(groups).map(Self::Network);
        }
        if is_numeric(word) {
            return Err(BadClientPattern::HalfAddress);
        }
        HostName::parse(word).map(Self::Host).ok_or(BadClientPattern::Nothing)
    }
}

fn is_numeric(word: &str) -> bool {
    word.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.')
}

fn cidr(word: &str) -> Result<IpNet, BadClientPattern> {
    let net = config::cidr(word).ok_or(BadClientPattern::Nothing)?;
    if net.trunc() == net { network(net) } else { Err(BadClientPattern::BitsBehind(net.trunc())) }
}

/// Refuses IPv4 in IPv6 form: clients with such addresses are compared as IPv4, so the rule would never
/// match.
fn network(net: IpNet) -> Result<IpNet, BadClientPattern> {
    match net {
        IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some() => Err(BadClientPattern::Mapped),
        net => Ok(net),
    }
}

/// Parses `100.0.0` of `100.0.0.`: one to three numbers.
fn ipv4_prefix(groups: &str) -> Result<IpNet, BadClientPattern> {
    let mut octets = [0; 4];
    let mut count: u8 = 0;
    for group in groups.split('.') {
        let place = octets.get_mut(usize::from(count)).ok_or(BadClientPattern::Nothing)?;
        let zero_first = group.len() > 1 && group.starts_with('0');
        *place = group.parse().ok().filter(|_| !zero_first).ok_or(BadClientPattern::Nothing)?;
        count += 1;
    }
    if count > 3 {
        return Err(BadClientPattern::Nothing);
    }
    let net = Ipv4Net::new(Ipv4Addr::from(octets), count * 8).map_err(|_| BadClientPattern::Nothing)?;
    Ok(net.into())
}

/// Parses `2001:db8` of `2001:db8:`: one to seven groups.
fn ipv6_prefix(groups: &str) -> Result<IpNet, BadClientPattern> {
    let mut segments = [0; 8];
    let mut count: u8 = 0;
    for group in groups.split(':') {
        let place = segments.get_mut(usize::from(count)).ok_or(BadClientPattern::Nothing)?;
        let hexadecimal = (1..=4).contains(&group.len()) && group.bytes().all(|c| c.is_ascii_hexdigit());
        *place =
            u16::from_str_radix(group, 16).ok().filter(|_| hexadecimal).ok_or(BadClientPattern::Nothing)?;
        count += 1;
    }
    if count > 7 {
        return Err(BadClientPattern::Nothing);
    }
    let net = Ipv6Net::new(Ipv6Addr::from(segments), count * 16).map_err(|_| BadClientPattern::Nothing)?;
    network(net.into())
}

/// Why a word matches no clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadClientPattern {
    Nothing,
    HalfAddress,
    BitsBehind(IpNet),
    Mapped,
}

impl fmt::Display for BadClientPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str(
                "this is no client; write ALL, an address, a prefix such as 192.0.2. or 192.0.2.0/24, a host name, or \
                 .example.org for all hosts below that",
            ),
            Self::HalfAddress => {
                f.write_str("this is half an address; for all addresses that begin so, write a dot behind it")
            }
            Self::BitsBehind(meant) => {
                write!(f, "the network has bits set behind its prefix, meant is perhaps {meant}")
            }
            Self::Mapped => {
                f.write_str("IPv4 in IPv6 form never matches; write the IPv4 address or network itself")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(word: &str) -> String {
        match ClientPattern::parse(word) {
            Ok(ClientPattern::Network(net)) => net.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn addresses_have_many_forms() {
        for (word, net) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("100.0.0.", "100.0.0.0/24"),
            ("100.0.0.*", "100.0.0.0/24"),
            ("10.", "10.0.0.0/8"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::", "2001:db8::/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8:", "2001:db8::/32"),
            ("fe80:*", "fe80::/16"),
        ] {
            assert_eq!(network(word), net, "{word}");
        }
    }

    #[test]
    fn names_are_whole_names() {
        let host = |name| HostName::parse(name).unwrap();
        assert_eq!(ClientPattern::parse("all"), Ok(ClientPattern::All));
        assert_eq!(
            ClientPattern::parse("small.example.org"),
            Ok(ClientPattern::Host(host("small.example.org")))
        );
        assert_eq!(
            ClientPattern::parse("Mail.Example.Org"),
            Ok(ClientPattern::Host(host("mail.example.org")))
        );
        assert_eq!(ClientPattern::parse(".example.org"), Ok(ClientPattern::Below(host("example.org"))));
        assert_eq!(ClientPattern::parse("*.example.org"), Ok(ClientPattern::Below(host("example.org"))));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        use BadClientPattern::*;
        for (word, why) in [
            ("100.0.0", HalfAddress),
            ("10", HalfAddress),
            ("1.2.3.4.5", HalfAddress),
            ("192.0.2.300", HalfAddress),
            ("1.2.3.4.", Nothing),
            ("300.", Nothing),
            // Decimal ten to some programs, octal eight to others.
            ("010.", Nothing),
            ("010.0.0.0/8", Nothing),
            (".", Nothing),
            ("*", Nothing),
            ("192.0.2.1/24", BitsBehind("192.0.2.0/24".parse().unwrap())),
            ("192.0.2.0/33", Nothing),
            ("192.0.2/24", Nothing),
            ("::ffff:192.0.2.1", Mapped),
            ("1:2:3:4:5:6:7:8:", Nothing),
            ("12345:", Nothing),
            ("+1:", Nothing),
            ("^10\\..*", Nothing),
            ("mail*.example.org", Nothing),
            ("user@example.org", Nothing),
        ] {
            assert_eq!(ClientPattern::parse(word), Err(why), "{word}");
        }
    }
}

//! Version 2: binary (section 2.2 of the specification).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::header::{MOST_OCTETS, ProxyHeader, ProxyHeaderError, TlsToProxy};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The type of the TLS information (section 2.2.6), that of the TLS version inside it, and the flag that says
/// that the client uses TLS.
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const CLIENT_USES_SSL: u8 = 0x01;

pub(super) fn parse(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyHeaderError> {
    let Some((&[version_and_command, kind, high, low], rest)) =
        octets.get(SIGNATURE.len()..).and_then(|octets| octets.split_first_chunk::<4>())
    else {
        return Ok(None);
    };
    let command = ProxyCommand::parse(version_and_command)?;
    let kind = AddressKind::parse(kind)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let header_length = SIGNATURE.len() + 4 + length;
    if header_length > MOST_OCTETS {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let header = match command {
        // The receiver must ignore the rest.
        ProxyCommand::Local => ProxyHeader { client: None, tls: None },
        ProxyCommand::Proxy => {
            let (client, more) = kind.client(body)?;
            ProxyHeader { client, tls: tls(more)? }
        }
    };
    Ok(Some((header, header_length)))
}

/// Whose connection it is.
enum ProxyCommand {
    /// The proxy's own.
    Local,
    /// A client's.
    Proxy,
}

impl ProxyCommand {
    fn parse(octet: u8) -> Result<Self, ProxyHeaderError> {
        match octet {
            0x20 => Ok(Self::Local),
            0x21 => Ok(Self::Proxy),
            other => Err(ProxyHeaderError::Undefined(other)),
        }
    }
}

/// The address family. Those of datagrams are not accepted, since the connection is a stream.
enum AddressKind {
    Unspecified,
    Inet,
    Inet6,
    Unix,
}

impl AddressKind {
    fn parse(octet: u8) -> Result<Self, ProxyHeaderError> {
        match octet {
            0x00 => Ok(Self::Unspecified),
            0x11 => Ok(Self::Inet),
            0x21 => Ok(Self::Inet6),
            0x31 => Ok(Self::Unix),
            other => Err(ProxyHeaderError::Undefined(other)),
        }
    }

    /// Splits the body of a header into the client's address, if it is an IP address, and what follows the
    /// addresses.
    fn client(self, body: &[u8]) -> Result<(Option<SocketAddr>, &[u8]), ProxyHeaderError> {
        const UNIX_ADDRESSES: usize = 2 * 108;
        let cut_short = ProxyHeaderError::Malformed("address");
        match self {
            Self::Unspecified => Ok((None, body)),
            Self::Unix => Ok((None, body.get(UNIX_ADDRESSES..).ok_or(cut_short)?)),
            Self::Inet => {
                let (source, rest) = body.split_first_chunk::<4>().ok_or(cut_short)?;
                let (port, rest) = port_behind(rest, 4).ok_or(cut_short)?;
                Ok((Some((Ipv4Addr::from(*source), port).into()), rest))
            }
            Self::Inet6 => {
                let (source, rest) = body.split_first_chunk::<16>().ok_or(cut_short)?;
                let (port, rest) = port_behind(rest, 16).ok_or(cut_short)?;
                Ok((Some((Ipv6Addr::from(*source), port).into()), rest))
            }
        }
    }
}

/// Skips the destination's address of `destination` octets and both ports. Returns the source's port and the
/// rest.
fn port_behind(octets: &[u8], destination: usize) -> Option<(u16, &[u8])> {
    let (&[high, low, _, _], rest) = octets.get(destination..)?.split_first_chunk::<4>()?;
    Some((u16::from_be_bytes([high, low]), rest))
}

/// The TLS version of the client's connection to the proxy, from the type-length-value fields. Others are
/// skipped.
fn tls(mut more: &[u8]) -> Result<Option<TlsToProxy>, ProxyHeaderError> {
    let mut tls = None;
    while let Some((kind, value)) = next_value(&mut more)? {
        if kind == SSL {
            let (&[client, ..], inner) =
                value.split_first_chunk::<5>().ok_or(ProxyHeaderError::Malformed("field"))?;
            tls = if client & CLIENT_USES_SSL != 0 { Some(tls_version(inner)?) } else { None };
        }
    }
    Ok(tls)
}

fn tls_version(mut inner: &[u8]) -> Result<TlsToProxy, ProxyHeaderError> {
    let mut version = TlsToProxy::Unknown;
    while let Some((kind, value)) = next_value(&mut inner)? {
        version = match (kind, value) {
            (SSL_VERSION, b"TLSv1.3") => TlsToProxy::V1_3,
            (SSL_VERSION, b"TLSv1.2") => TlsToProxy::V1_2,
            _ => version,
        };
    }
    Ok(version)
}

/// Takes the first field from `octets`: its type and its value.
fn next_value<'a>(octets: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>, ProxyHeaderError> {
    if octets.is_empty() {
        return Ok(None);
    }
    let cut_short = ProxyHeaderError::Malformed("field");
    let (&[kind, high, low], rest) = octets.split_first_chunk::<3>().ok_or(cut_short)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (value, rest) = rest.split_at_checked(length).ok_or(cut_short)?;
    *octets = rest;
    Ok(Some((kind, value)))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::tests::assert_header;
    use super::*;

    const PROXY: u8 = 0x21;
    const LOCAL: u8 = 0x20;
    const INET: u8 = 0x11;
    /// 192.0.2.7:40000 to 10.0.0.1:110.
    const ADDRESSES: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 0, 110];

    fn header(command: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, kind], &length, body].concat()
    }

    fn value(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[kind], &length[..], value].concat()
    }

    fn with_values(values: &[u8]) -> Vec<u8> {
        header(PROXY, INET, &[ADDRESSES, values].concat())
    }

    fn client(address: &str) -> ProxyHeader {
        ProxyHeader { client: Some(address.parse().unwrap()), tls: None }
    }

    const NOBODY: ProxyHeader = ProxyHeader { client: None, tls: None };

    #[test]
    fn a_header_names_the_client() {
        assert_header(&header(PROXY, INET, ADDRESSES), client("192.0.2.7:40000"));
        let source = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        let body = [&source[..], &[0; 16], &[0, 7, 0, 110]].concat();
        assert_header(&header(PROXY, 0x21, &body), client("[2001:db8::7]:7"));
    }

    #[test]
    fn a_connection_of_the_proxys_own_has_no_client_whatever_else_it_says() {
        assert_header(&header(LOCAL, 0x00, b""), NOBODY);
        assert_header(&header(LOCAL, INET, ADDRESSES), NOBODY);
        assert_header(&header(LOCAL, INET, b"short"), NOBODY);
    }

    #[test]
    fn other_kinds_of_addresses_name_nobody() {
        assert_header(&header(PROXY, 0x00, b""), NOBODY);
        assert_header(&header(PROXY, 0x31, &[7; 216]), NOBODY);
    }

    #[test]
    fn values_are_skipped_but_for_tls() {
        let others = [value(0x03, &[1, 2, 3, 4]), value(0x04, b"padding"), value(0xff, b"")].concat();
        assert_header(&with_values(&others), client("192.0.2.7:40000"));
        for (version, expected) in [
            (value(0x21, b"TLSv1.3"), TlsToProxy::V1_3),
            ([value(0x22, b"mail.example.org"), value(0x21, b"TLSv1.2")].concat(), TlsToProxy::V1_2),
            (value(0x21, b"SSLv3"), TlsToProxy::Unknown),
            (vec![], TlsToProxy::Unknown),
        ] {
            let ssl = value(SSL, &[&[CLIENT_USES_SSL, 0, 0, 0, 1][..], &version].concat());
            let expected = ProxyHeader { tls: Some(expected), ..client("192.0.2.7:40000") };
            assert_header(&with_values(&[others.clone(), ssl].concat()), expected);
        }
        // The field says that the client does not use TLS.
        assert_header(&with_values(&value(SSL, &[0, 0, 0, 0, 0])), client("192.0.2.7:40000"));
    }

    #[test]
    fn what_is_not_defined_is_refused() {
        for command in [0x10, 0x11, 0x22, 0x31, 0x00] {
            assert_eq!(parse(&header(command, INET, ADDRESSES)), Err(ProxyHeaderError::Undefined(command)));
        }
        for kind in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41] {
            assert_eq!(parse(&header(PROXY, kind, ADDRESSES)), Err(ProxyHeaderError::Undefined(kind)));
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_refused() {
        for length in 0..ADDRESSES.len() {
            let short = header(PROXY, INET, &ADDRESSES[..length]);
            assert_eq!(parse(&short), Err(ProxyHeaderError::Malformed("address")), "{length}");
        }
        assert_eq!(parse(&header(PROXY, 0x21, &[0; 35])), Err(ProxyHeaderError::Malformed("address")));
        assert_eq!(parse(&header(PROXY, 0x31, &[0; 215])), Err(ProxyHeaderError::Malformed("address")));
        for values in
            [&[4][..], &[4, 0], &[4, 0, 1], &[SSL, 0, 4, 1, 0, 0, 0], &[SSL, 0, 6, 1, 0, 0, 0, 0, 0x21]]
        {
            assert_eq!(parse(&with_values(values)), Err(ProxyHeaderError::Malformed("field")), "{values:?}");
        }
    }

    #[test]
    fn a_long_header_is_refused_before_it_is_read() {
        let padded = |length: usize| with_values(&value(0x04, &vec![0; length]));
        let most = MOST_OCTETS - padded(0).len();
        assert_header_length(&padded(most));
        assert_eq!(parse(&padded(most + 1)[..16]), Err(ProxyHeaderError::TooLong));
    }

    fn assert_header_length(octets: &[u8]) {
        assert_eq!(parse(octets), Ok(Some((client("192.0.2.7:40000"), octets.len()))));
    }
}

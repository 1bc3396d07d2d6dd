//! PROXY headers: any octets are a header, the beginning of one, or neither, in whatever pieces they come. An
//! independent parser for the specification (haproxy.org, doc/proxy-protocol.txt, section 2) must agree, and
//! the octets after the header are left alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pop3::proxy::{MOST_OCTETS, ProxyHeader, TlsToProxy, parse};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8] = b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a";

fuzz_target!(|octets: &[u8]| {
    let whole = parse(octets);
    // With more octets the result changes once, from incomplete to final.
    let mut decided = None;
    for length in 0..=octets.len().min(MOST_OCTETS + 20) {
        let now = parse(&octets[..length]);
        match (&decided, &now) {
            (None, Ok(None)) => {}
            (None, _) => decided = Some(now),
            (Some(before), now) => assert_eq!(before, now, "after {length} octets"),
        }
    }
    assert_eq!(decided.unwrap_or(Ok(None)), whole);

    match whole {
        Ok(Some((header, length))) => {
            assert!(length <= MOST_OCTETS.min(octets.len()));
            let header_octets = &octets[..length];
            let expected = match header_octets.strip_prefix(SIGNATURE) {
                Some(rest) => second(rest),
                None => first(header_octets),
            };
            assert_eq!(Some(header), expected);
        }
        Ok(None) => assert!(octets.len() < MOST_OCTETS, "it would be waited for"),
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
});

/// Version 1.
fn first(line: &[u8]) -> Option<ProxyHeader> {
    let line = std::str::from_utf8(line).ok();
    let header = |client| Some(ProxyHeader { client, tls: None });
    let Some(line) = line.filter(|line| !line.starts_with("PROXY UNKNOWN")) else { return header(None) };
    let words: Vec<&str> = line.strip_suffix("\r\n")?.split(' ').collect();
    let ["PROXY", family, from, to, from_port, to_port] = words[..] else { return None };
    let (from, to): (IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?);
    let fits = match family {
        "TCP4" => from.is_ipv4() && to.is_ipv4(),
        "TCP6" => from.is_ipv6() && to.is_ipv6(),
        _ => false,
    };
    let (from_port, _): (u16, u16) = (from_port.parse().ok()?, to_port.parse().ok()?);
    header(fits.then(|| Some(SocketAddr::new(from, from_port)))?)
}

/// Version 2, after its signature.
fn second(rest: &[u8]) -> Option<ProxyHeader> {
    let [command, family, _, _, body @ ..] = rest else { return None };
    if *command == 0x20 {
        return Some(ProxyHeader { client: None, tls: None });
    }
    let (client, more) = match family {
        0x11 => {
            let octets: [u8; 4] = body.get(..4)?.try_into().ok()?;
            (Some((Ipv4Addr::from(octets).into(), 8)), 12)
        }
        0x21 => {
            let octets: [u8; 16] = body.get(..16)?.try_into().ok()?;
            (Some((IpAddr::from(Ipv6Addr::from(octets)), 32)), 36)
        }
        0x31 => (None, 216),
        _ => (None, 0),
    };
    let client = match client {
        Some((address, port)) => {
            Some(SocketAddr::new(address, u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?)))
        }
        None => None,
    };
    let mut tls = None;
    for (kind, value) in values(body.get(more..)?)? {
        if kind == 0x20 {
            let inner = value.get(5..)?;
            // Without TLS there is no version.
            tls = if value[0] & 1 != 0 { Some(version(inner)?) } else { None };
        }
    }
    Some(ProxyHeader { client, tls })
}

/// The last TLS version that the server knows.
fn version(inner: &[u8]) -> Option<TlsToProxy> {
    let known = |(kind, value): (u8, &[u8])| match (kind, value) {
        (0x21, b"TLSv1.2") => Some(TlsToProxy::V1_2),
        (0x21, b"TLSv1.3") => Some(TlsToProxy::V1_3),
        _ => None,
    };
    Some(values(inner)?.into_iter().filter_map(known).next_back().unwrap_or(TlsToProxy::Unknown))
}

fn values(mut octets: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while let [kind, high, low, rest @ ..] = octets {
        let length = usize::from(*high) << 8 | usize::from(*low);
        found.push((*kind, rest.get(..length)?));
        octets = &rest[length..];
    }
    octets.is_empty().then_some(found)
}

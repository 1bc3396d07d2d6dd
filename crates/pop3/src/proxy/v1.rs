//! Version 1: one line of text (section 2.1 of the specification).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::header::{ProxyHeader, ProxyHeaderError};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line in octets, including its CRLF.
const MOST_OCTETS: usize = 107;

pub(super) fn parse(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyHeaderError> {
    let line = octets.get(..MOST_OCTETS).unwrap_or(octets);
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if octets.len() < MOST_OCTETS { Ok(None) } else { Err(ProxyHeaderError::TooLong) };
    };
    let text = octets.get(SIGNATURE.len()..end).and_then(|text| text.strip_suffix(b"\r"));
    let text = text.ok_or(ProxyHeaderError::Malformed("line end"))?;
    let client = client(text)?;
    Ok(Some((ProxyHeader { client, tls: None }, end + 1)))
}

/// The client's address in `PROTOCOL SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT`.
fn client(text: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut fields = text.split(|octet| *octet == b' ');
    let client = match fields.next() {
        Some(b"TCP4") => endpoint::<Ipv4Addr>(&mut fields)?,
        Some(b"TCP6") => endpoint::<Ipv6Addr>(&mut fields)?,
        // The receiver must ignore what follows.
        Some(b"UNKNOWN") => return Ok(None),
        _ => return Err(ProxyHeaderError::Malformed("protocol")),
    };
    match fields.next() {
        None => Ok(Some(client)),
        Some(_) => Err(ProxyHeaderError::Malformed("end")),
    }
}

/// The source address and port. The destination is checked and dropped.
fn endpoint<'a, A: FromStr + Into<IpAddr>>(
    fields: &mut impl Iterator<Item = &'a [u8]>,
) -> Result<SocketAddr, ProxyHeaderError> {
    let source = address::<A>(fields.next())?;
    address::<A>(fields.next())?;
    let source_port = port(fields.next())?;
    port(fields.next())?;
    Ok(SocketAddr::new(source, source_port))
}

fn address<A: FromStr + Into<IpAddr>>(field: Option<&[u8]>) -> Result<IpAddr, ProxyHeaderError> {
    let text = field.and_then(|field| str::from_utf8(field).ok());
    let address = text.and_then(|text| text.parse::<A>().ok());
    address.map(Into::into).ok_or(ProxyHeaderError::Malformed("address"))
}

fn port(field: Option<&[u8]>) -> Result<u16, ProxyHeaderError> {
    // Only digits: the number parser would accept a sign.
    let digits = field.filter(|field| field.iter().all(u8::is_ascii_digit));
    let port = digits.and_then(|field| str::from_utf8(field).ok()).and_then(|text| text.parse().ok());
    port.ok_or(ProxyHeaderError::Malformed("port"))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::tests::assert_header;
    use super::*;

    fn from(client: &str) -> ProxyHeader {
        ProxyHeader { client: Some(client.parse().unwrap()), tls: None }
    }

    #[test]
    fn a_line_names_the_client() {
        assert_header(b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 110\r\n", from("192.0.2.7:40000"));
        assert_header(b"PROXY TCP6 2001:db8::7 ::1 1 110\r\n", from("[2001:db8::7]:1"));
        let longest: &[u8] = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
            ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n";
        assert_eq!(longest.len(), 104);
        assert_header(longest, from("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
    }

    #[test]
    fn an_unknown_client_has_no_address() {
        let unknown = ProxyHeader { client: None, tls: None };
        assert_header(b"PROXY UNKNOWN\r\n", unknown);
        assert_header(b"PROXY UNKNOWN ffff::1 what ever\r\n", unknown);
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, part) in [
            (&b"PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n"[..], "protocol"),
            (b"PROXY \r\n", "protocol"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n", "line end"),
            (b"PROXY \n", "line end"),
            (b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n", "address"),
            (b"PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n", "address"),
            (b"PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n", "address"),
            (b"PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n", "address"),
            (b"PROXY TCP4 192.0.2.7\r\n", "address"),
            (b"PROXY TCP4 192.0.2.\xff 10.0.0.1 1 2\r\n", "address"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 2\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 1 \r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n", "end"),
        ] {
            assert_eq!(parse(line), Err(ProxyHeaderError::Malformed(part)), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_waited_for() {
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        assert_eq!(parse(&endless[..106]), Ok(None));
        assert_eq!(parse(&endless[..107]), Err(ProxyHeaderError::TooLong));
        let late = [&endless[..106], b"\r\n"].concat();
        assert_eq!(parse(&late), Err(ProxyHeaderError::TooLong));
    }
}

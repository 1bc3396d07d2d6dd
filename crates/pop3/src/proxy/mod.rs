//! The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): the header that a proxy sends
//! before its client's first octet, to say whose connection it forwards.
//!
//! ```
//! let octets = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 110\r\nand what the client says";
//! let (header, length) = pop3::proxy::parse(octets).unwrap().expect("a whole header");
//! assert_eq!(header.client, Some("192.0.2.7:40000".parse().unwrap()));
//! assert_eq!(&octets[length..], b"and what the client says");
//! assert_eq!(pop3::proxy::parse(&octets[..20]), Ok(None));
//! ```

mod header;
mod v1;
mod v2;

pub use header::{MOST_OCTETS, ProxyHeader, ProxyHeaderError, TlsToProxy};

/// Reads the header at the beginning of `octets`. Returns it and its length in octets, or `None` if it is not
/// complete yet: then all of `octets` belongs to it.
///
/// # Errors
///
/// The octets are not the beginning of a valid header, whatever follows them.
pub fn parse(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyHeaderError> {
    if begins_alike(octets, v2::SIGNATURE) {
        v2::parse(octets)
    } else if begins_alike(octets, v1::SIGNATURE) {
        v1::parse(octets)
    } else {
        Err(ProxyHeaderError::OtherProtocol)
    }
}

/// Whether one of them begins with the other.
fn begins_alike(octets: &[u8], signature: &[u8]) -> bool {
    octets.iter().zip(signature).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_yet_is_not_wrong_yet() {
        assert_eq!(parse(b""), Ok(None));
    }

    #[test]
    fn what_begins_otherwise_is_refused_at_its_first_other_octet() {
        for octets in [&b"U"[..], b"USER alice\r\n", b"PROXI", b"\r\n\r\n\r", b"\x16\x03\x01", b"proxy "] {
            assert_eq!(parse(octets), Err(ProxyHeaderError::OtherProtocol), "{octets:?}");
        }
    }

    /// Whole, cut short and with more behind it: a header is what it is.
    pub(super) fn assert_header(octets: &[u8], expected: ProxyHeader) {
        assert_eq!(parse(octets), Ok(Some((expected, octets.len()))), "{}", octets.escape_ascii());
        let more = [octets, b"USER alice\r\n"].concat();
        assert_eq!(parse(&more), Ok(Some((expected, octets.len()))));
        for length in 0..octets.len() {
            assert_eq!(parse(&octets[..length]), Ok(None), "the first {length} octets");
        }
    }
}

//! The header that a proxy sends before its client's first octet, to say whose connection it passes on: the PROXY
//! protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt).
//!
//! ```
//! let octets = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 110\r\nand what the client says";
//! let (header, length) = pop3::proxy::parse(octets).unwrap().expect("a whole header");
//! assert_eq!(header.client, Some("192.0.2.7:40000".parse().unwrap()));
//! assert_eq!(&octets[length..], b"and what the client says");
//! assert_eq!(pop3::proxy::parse(&octets[..20]), Ok(None));
//! ```

mod v1;
mod v2;

use std::fmt;
use std::net::SocketAddr;

/// The longest header that is read, in octets. Version 1 has 107 at most (section 2.1); version 2 could have 64 kB, which only a
/// proxy that passes on whole certificates comes near to.
pub const MOST_OCTETS: usize = 4096;

/// What a proxy says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the client is. None when the connection is the proxy's own, such as a health check, or when the proxy does
    /// not know: then the address of the connection counts.
    pub client: Option<SocketAddr>,
    /// How the client's connection to the proxy is encrypted, if the proxy says that it is.
    pub tls: Option<TlsToProxy>,
}

/// The version of TLS between a client and the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsToProxy {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
    /// Another one, or the proxy does not say which.
    Unknown,
}

impl TlsToProxy {
    /// As the log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
            Self::Unknown => "unknown",
        }
    }
}

/// Why something is no header. It is always the proxy's fault, or that of whoever is taken for a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHeader {
    /// It begins like something else.
    OtherProtocol,
    /// It is longer than its version allows, or than [`MOST_OCTETS`].
    TooLong,
    /// A version 2 header says that it is of this version, or has this command or kind of address: they are not defined.
    Undefined(u8),
    /// A part of it is not what belongs there.
    Malformed(&'static str),
}

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProtocol => f.write_str("it does not begin with a PROXY protocol header"),
            Self::TooLong => f.write_str("its PROXY protocol header is too long"),
            Self::Undefined(octet) => write!(f, "its PROXY protocol header has an undefined {octet:#04x}"),
            Self::Malformed(part) => write!(f, "its PROXY protocol header has a malformed {part}"),
        }
    }
}

impl std::error::Error for NoHeader {}

/// Reads the header at the beginning of `octets`: what it says, and its length in octets. None when it is not whole yet: then all of
/// `octets` belongs to it.
///
/// # Errors
/// What the connection begins with is no header, whatever comes next.
pub fn parse(octets: &[u8]) -> Result<Option<(Header, usize)>, NoHeader> {
    if begins_alike(octets, v2::SIGNATURE) {
        v2::parse(octets)
    } else if begins_alike(octets, v1::SIGNATURE) {
        v1::parse(octets)
    } else {
        Err(NoHeader::OtherProtocol)
    }
}

/// Whether they are the same as far as both go.
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
            assert_eq!(parse(octets), Err(NoHeader::OtherProtocol), "{octets:?}");
        }
    }

    /// Whole, cut short and with more behind it: a header is what it is.
    pub(super) fn assert_header(octets: &[u8], expected: Header) {
        assert_eq!(parse(octets), Ok(Some((expected, octets.len()))), "{}", octets.escape_ascii());
        let more = [octets, b"USER alice\r\n"].concat();
        assert_eq!(parse(&more), Ok(Some((expected, octets.len()))));
        for length in 0..octets.len() {
            assert_eq!(parse(&octets[..length]), Ok(None), "the first {length} octets");
        }
    }
}

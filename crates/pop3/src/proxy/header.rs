//! The contents of a header, and why octets are not one.

use std::fmt;
use std::net::SocketAddr;

/// The longest header that is accepted, in octets. Version 1 allows 107 (section 2.1) and version 2 allows 64
/// kB, which only a proxy that forwards whole certificates would need.
pub const MOST_OCTETS: usize = 4096;

/// What a proxy says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client's address. `None` if the connection is the proxy's own, such as a health check, or if the
    /// proxy does not know it: then the address of the connection counts.
    pub client: Option<SocketAddr>,
    /// The TLS version of the client's connection to the proxy, if the proxy says that it is encrypted.
    pub tls: Option<TlsToProxy>,
}

/// The version of TLS between a client and the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsToProxy {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
    /// Another version, or one that the proxy does not name.
    Unknown,
}

impl TlsToProxy {
    /// The name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
            Self::Unknown => "unknown",
        }
    }
}

/// Why octets are not a header. It is always an error of the proxy, or of a client that was taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// They begin another protocol.
    OtherProtocol,
    /// The header is longer than its version allows, or than [`MOST_OCTETS`].
    TooLong,
    /// A header of version 2 with an undefined version, command or address family: the octet of it.
    Undefined(u8),
    /// This part of the header is malformed.
    Malformed(&'static str),
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProtocol => f.write_str("it does not begin with a PROXY protocol header"),
            Self::TooLong => f.write_str("its PROXY protocol header is too long"),
            Self::Undefined(octet) => write!(f, "its PROXY protocol header has an undefined {octet:#04x}"),
            Self::Malformed(part) => write!(f, "its PROXY protocol header has a malformed {part}"),
        }
    }
}

impl std::error::Error for ProxyHeaderError {}

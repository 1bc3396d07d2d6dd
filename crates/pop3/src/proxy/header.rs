//! What a header says, and why something is none.

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

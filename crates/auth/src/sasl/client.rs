//! The client of an exchange.

use std::net::IpAddr;

/// What an exchange needs to know about the connection.
#[derive(Clone, Debug)]
pub struct SaslClient {
    /// The client's address.
    pub peer: IpAddr,
    /// The connection's channel binding of the type `tls-exporter` (RFC 9266), if SCRAM-SHA-256-PLUS is
    /// offered.
    pub channel_binding: Option<Box<[u8]>>,
    /// The user named in the client's verified certificate, if it has one and EXTERNAL is offered.
    pub certificate: Option<Box<[u8]>>,
}

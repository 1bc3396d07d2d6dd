//! Refuses connections: counts, logs and answers them.

use std::net::IpAddr;
use std::time::Instant;

use tokio::net::TcpStream;

use super::arrivals::Security;
use crate::shared::Shared;

/// Refuses a connection because there are too many.
pub(super) fn refuse(shared: &Shared, stream: &TcpStream, security: Security, peer: IpAddr) {
    count(shared, peer);
    reply(stream, security, b"-ERR [SYS/TEMP] too many connections, try again later\r\n");
}

/// Counts and logs a connection that is refused because there are too many.
pub(super) fn count(shared: &Shared, peer: IpAddr) {
    shared.counters.connections_refused.add(1);
    match shared.refusal_lines.admit(Instant::now()) {
        Some(0) => tracing::warn!(ip = %peer, reason = "limit", "connection refused"),
        Some(unlogged) => tracing::warn!(ip = %peer, reason = "limit", unlogged, "connection refused"),
        None => {}
    }
}

/// Sends one line instead of a greeting, without waiting: the buffer of a new connection is empty. A client
/// that waits for TLS could not read it.
pub(super) fn reply(stream: &TcpStream, security: Security, line: &[u8]) {
    if security == Security::Plain {
        let _ = stream.try_write(line);
    }
}

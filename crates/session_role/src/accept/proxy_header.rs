//! Reads the PROXY protocol header, with which a proxy begins a connection.

use std::io;

use logging::step;
use pop3::Shutdown;
use pop3::proxy::{self, ProxyHeader, ProxyHeaderError};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::arrivals::Security;
use super::refusal;
use crate::connection::Origin;
use crate::shared::Shared;
use crate::table::ConnectionRecord;

/// Reads the header of a proxy's connection, and returns the client that it names. `None` when the connection
/// has been refused: it has no header, or there are too many connections from that client.
pub(super) async fn origin(
    shared: &Shared,
    stream: &TcpStream,
    security: Security,
    record: &ConnectionRecord,
) -> Option<Origin> {
    let proxy = record.peer();
    let why = match read(stream, record, Instant::now() + shared.settings.login_timeout).await {
        Ok(ProxyHeader { client, tls }) => {
            let peer = client.map_or(proxy, |client| client.ip().to_canonical());
            step!(record.session, "session", "proxy-header", "forwarded", ip = %peer, proxy = %proxy);
            let Some(origin) = Origin::of(shared, peer, tls) else {
                refusal::refuse(shared, stream, security, peer);
                return None;
            };
            record.set_peer(peer);
            return Some(if client.is_some() { origin } else { origin.of_unknown_client() });
        }
        // A proxy that only checks whether the server is alive closes at once: that is not logged.
        Err(HeaderError::Over(Shutdown::Timeout)) => "it sends no PROXY protocol header".to_owned(),
        Err(HeaderError::Over(_)) => return None,
        Err(HeaderError::Wrong(what)) => what.to_string(),
    };
    shared.counters.connections_refused.add(1);
    tracing::warn!(ip = %proxy, reason = "proxy-header", "connection refused, {why}");
    refusal::reply(stream, security, b"-ERR a PROXY protocol header is wanted from your address first\r\n");
    None
}

/// Why there is no header.
enum HeaderError {
    /// The client sent something else.
    Wrong(ProxyHeaderError),
    /// The connection has ended, or must end.
    Over(Shutdown),
}

/// Reads the header, and not an octet of what follows it: that may be a TLS handshake.
async fn read(
    stream: &TcpStream,
    record: &ConnectionRecord,
    until: Instant,
) -> Result<ProxyHeader, HeaderError> {
    let mut seen = vec![0; proxy::MOST_OCTETS];
    let mut header = Vec::new();
    loop {
        let peeked = tokio::select! {
            biased;
            why = record.stop.stopped() => return Err(HeaderError::Over(why)),
            peeked = tokio::time::timeout_at(until, stream.peek(&mut seen)) => match peeked {
                Ok(Ok(octets)) if octets > 0 => octets,
                Ok(_) => return Err(HeaderError::Over(Shutdown::ClientGone)),
                Err(_) => return Err(HeaderError::Over(Shutdown::Timeout)),
            },
        };
        let before = header.len();
        header.extend_from_slice(seen.get(..peeked).unwrap_or_default());
        let parsed = proxy::parse(&header).map_err(HeaderError::Wrong)?;
        // As long as the header is incomplete, all octets so far belong to it.
        let whole = parsed.map_or(header.len(), |(_, length)| length);
        let taken = seen.get_mut(..whole.saturating_sub(before)).unwrap_or_default();
        take(stream, taken).await.map_err(|_| HeaderError::Over(Shutdown::ClientGone))?;
        if let Some((header, _)) = parsed {
            return Ok(header);
        }
    }
}

/// Reads as many octets as `into` has room for. They are in the socket's buffer already.
async fn take(stream: &TcpStream, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        stream.readable().await?;
        match stream.try_read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(octets) => into = into.get_mut(octets..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

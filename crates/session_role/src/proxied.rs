//! What a proxy says before its client does: the PROXY protocol header at the beginning of a connection.

use std::io;

use pop3::Shutdown;
use pop3::proxy::{self, ProxyHeader, ProxyHeaderError};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::origin::Origin;
use crate::visits::Visit;
use crate::{House, Security, accept};

/// Where the connection of a proxy comes from, as its header says. `None`: there is no header, or too many come from there; the
/// connection is of no use then.
pub(crate) async fn origin(
    house: &House,
    stream: &TcpStream,
    security: Security,
    visit: &Visit,
) -> Option<Origin> {
    let proxy = visit.peer();
    let why = match header(stream, visit, Instant::now() + house.limits.login_timeout).await {
        Ok(ProxyHeader { client, tls }) => {
            let peer = client.map_or(proxy, |client| client.ip().to_canonical());
            tracing::debug!(ip = %peer, proxy = %proxy, session = %format_args!("{:x}", visit.session), "forwarded");
            let Some(origin) = Origin::of(house, peer, tls) else {
                accept::turn_away(house, stream, security, peer);
                return None;
            };
            visit.comes_from(peer);
            return Some(if client.is_some() { origin } else { origin.of_anybody() });
        }
        // That of a proxy that only looks whether somebody listens is over at once.
        Err(Missing::Over(Shutdown::Timeout)) => "it sends no PROXY protocol header".to_owned(),
        Err(Missing::Over(_)) => return None,
        Err(Missing::Wrong(what)) => what.to_string(),
    };
    house.counters.connections_refused.add(1);
    tracing::warn!(ip = %proxy, reason = "proxy-header", "connection refused, {why}");
    accept::say_at_once(
        stream,
        security,
        b"-ERR a PROXY protocol header is wanted from your address first\r\n",
    );
    None
}

/// Why there is no header.
enum Missing {
    /// There is something else.
    Wrong(ProxyHeaderError),
    /// The connection is over, or shall end.
    Over(Shutdown),
}

/// Takes the header from the connection, and not an octet of what follows it: that may be a TLS handshake.
async fn header(stream: &TcpStream, visit: &Visit, until: Instant) -> Result<ProxyHeader, Missing> {
    let mut seen = vec![0; proxy::MOST_OCTETS];
    let mut header = Vec::new();
    loop {
        let peeked = tokio::select! {
            biased;
            why = visit.ending.told() => return Err(Missing::Over(why)),
            peeked = tokio::time::timeout_at(until, stream.peek(&mut seen)) => match peeked {
                Ok(Ok(octets)) if octets > 0 => octets,
                Ok(_) => return Err(Missing::Over(Shutdown::ClientGone)),
                Err(_) => return Err(Missing::Over(Shutdown::Timeout)),
            },
        };
        let before = header.len();
        header.extend_from_slice(seen.get(..peeked).unwrap_or_default());
        let parsed = proxy::parse(&header).map_err(Missing::Wrong)?;
        // As long as the header is not whole, all that has come belongs to it.
        let whole = parsed.map_or(header.len(), |(_, length)| length);
        let taken = seen.get_mut(..whole.saturating_sub(before)).unwrap_or_default();
        take(stream, taken).await.map_err(|_| Missing::Over(Shutdown::ClientGone))?;
        if let Some((header, _)) = parsed {
            return Ok(header);
        }
    }
}

/// Takes as many octets as `into` has room for. They have come already.
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

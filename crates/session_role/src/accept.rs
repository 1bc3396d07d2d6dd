//! Taking connections in.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::origin::Origin;
use crate::proxied;
use crate::rarely::Rarely;
use crate::visits::Admitted;
use crate::{Arrivals, House, Listener, Security, metrics};

/// How long to wait when the machine has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The most lines a minute about connections that are refused.
const MOST_REFUSALS: u32 = 300;

/// What is logged here as often as strangers come.
pub(crate) struct Remarks {
    refused: Rarely,
    shortage: Rarely,
}

impl Default for Remarks {
    fn default() -> Remarks {
        Remarks { refused: Rarely::new(MOST_REFUSALS), shortage: Rarely::new(1) }
    }
}

/// What the kernel may hold for a client that does not take it, in octets, beside what is on its way: enough for
/// any line to be kept busy, and a thirtieth of what Linux would take.
const MOST_UNSENT: u32 = 128 * 1024;

/// The sockets on which connections are accepted.
pub(crate) struct Doors(Vec<JoinHandle<()>>);

impl Doors {
    /// Begins to accept, or takes in the one connection there is. Prometheus may ask at `metrics`.
    pub(crate) fn open(
        house: &Arc<House>,
        arrivals: Arrivals,
        metrics: Option<OwnedFd>,
    ) -> io::Result<Doors> {
        let mut doors = Vec::new();
        if let Some(socket) = metrics {
            let (socket, house) = (listen_on(socket)?, house.clone());
            let page = move || metrics::page(&house.counters, &house.restarts(), house.began);
            doors.push(tokio::spawn(metrics::http::serve(socket, page)));
        }
        match arrivals {
            Arrivals::Listeners(listeners) => {
                for Listener { socket, security, .. } in listeners {
                    // A kernel that does not know it serves as well, with more memory.
                    let _ = sys::tcp::limit_unsent(&socket, MOST_UNSENT);
                    doors.push(tokio::spawn(accept(house.clone(), listen_on(socket)?, security)));
                }
            }
            Arrivals::One(connection, security) => {
                let stream = std::net::TcpStream::from(connection);
                stream.set_nonblocking(true)?;
                let stream = TcpStream::from_std(stream)?;
                let peer = stream.peer_addr()?;
                admit(house, stream, security, peer);
            }
        }
        Ok(Doors(doors))
    }

    /// Whether no connection can come any more.
    pub(crate) fn are_closed(&self) -> bool {
        self.0.is_empty()
    }

    /// Accepts no more. Every connection that was accepted has been admitted by then.
    pub(crate) async fn close(&mut self) {
        for door in self.0.drain(..) {
            door.abort();
            // It may be in the middle of admitting one.
            let _ = door.await;
        }
    }
}

fn listen_on(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::from(socket);
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Accepts on one socket, for ever.
async fn accept(house: Arc<House>, listener: TcpListener, security: Security) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if sys::reserve::is_short() => {
                if house.remarks.shortage.now(Instant::now()).is_some() {
                    tracing::error!("memory is short: nobody is let in; running sessions go on");
                }
                turn_away(&house, &stream, security, peer.ip().to_canonical());
            }
            Ok((stream, peer)) => admit(&house, stream, security, peer),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                // We are out of descriptors or memory. Running sessions go on and will free some.
                if house.remarks.shortage.now(Instant::now()).is_some() {
                    tracing::error!("no connection can be accepted: {error}; running sessions go on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit(house: &Arc<House>, stream: TcpStream, security: Security, peer: SocketAddr) {
    let session = house.next_session();
    let peer = peer.ip().to_canonical();
    let admitted = Origin::of(house, peer, None).and_then(|origin| {
        Some((origin, house.visits.admit(session, peer, &house.counters, house.limits.max_servers)?))
    });
    let Some((origin, Admitted { visit, instead_of })) = admitted else {
        return turn_away(house, &stream, security, peer);
    };
    if let Some(stranger) = instead_of {
        note_refusal(house, stranger.peer());
    }
    let house = house.clone();
    tokio::spawn(async move {
        let _left = Left(&house, session);
        let origin = match house.limits.proxies.send_headers(peer) {
            // In a box: what it needs, an ordinary connection shall not have room for.
            true => Box::pin(proxied::origin(&house, &stream, security, &visit)).await,
            false => Some(origin),
        };
        if let Some(origin) = origin {
            Connection::new(house.clone(), stream, security, visit, origin).serve().await;
        }
    });
}

/// There are too many connections.
pub(crate) fn turn_away(house: &House, stream: &TcpStream, security: Security, peer: IpAddr) {
    note_refusal(house, peer);
    say_at_once(stream, security, b"-ERR [SYS/TEMP] too many connections, try again later\r\n");
}

/// Counts and logs a connection for which there is no place.
fn note_refusal(house: &House, peer: IpAddr) {
    house.counters.connections_refused.add(1);
    match house.remarks.refused.now(Instant::now()) {
        Some(0) => tracing::warn!(ip = %peer, reason = "limit", "connection refused"),
        Some(unlogged) => tracing::warn!(ip = %peer, reason = "limit", unlogged, "connection refused"),
        None => {}
    }
}

/// Says one line in place of a greeting. A new connection always has room for it; a client that is gone already needs none,
/// and one that waits for TLS could not read it.
pub(crate) fn say_at_once(stream: &TcpStream, security: Security, line: &[u8]) {
    if security == Security::Plain {
        let _ = stream.try_write(line);
    }
}

/// Signs the connection off however its task ends, by a panic too.
struct Left<'a>(&'a House, u64);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.visits.left(self.1);
    }
}

/// The connection was gone before it was accepted, or the network had a hiccup (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::PermissionDenied
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::TimedOut
    )
}

//! Accepts connections and starts a task for each.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logging::step;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::arrivals::{Arrivals, Listener, Security};
use super::{proxy_header, refusal};
use crate::connection::{ConnectionHandler, Origin};
use crate::metrics;
use crate::shared::Shared;
use crate::table::Admitted;

/// How long to wait when the machine has no memory or descriptor for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How much the kernel may hold for a client that does not read it, in octets, besides what is on its way. It
/// is enough to keep any line busy, and a thirtieth of what Linux would hold.
const MOST_UNSENT: u32 = 128 * 1024;

/// The tasks that accept connections, one for each listening socket.
pub(crate) struct Acceptor(Vec<JoinHandle<()>>);

impl Acceptor {
    /// Starts to accept connections, or serves the only one. Serves Prometheus on the socket `metrics`.
    ///
    /// # Errors
    ///
    /// A socket cannot be used.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        arrivals: Arrivals,
        metrics: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let mut tasks = Vec::new();
        if let Some(socket) = metrics {
            let (socket, shared) = (listen_on(socket)?, shared.clone());
            let page = move || metrics::page(&shared.counters, &shared.restarts(), shared.began);
            tasks.push(tokio::spawn(metrics::serve(socket, page)));
        }
        match arrivals {
            Arrivals::Listeners(listeners) => {
                for Listener { socket, security, .. } in listeners {
                    // A kernel without this option works as well, with more memory.
                    let _ = sys::tcp::limit_unsent(&socket, MOST_UNSENT);
                    tasks.push(tokio::spawn(accept(shared.clone(), listen_on(socket)?, security)));
                }
            }
            Arrivals::One(connection, security) => {
                let stream = std::net::TcpStream::from(connection);
                stream.set_nonblocking(true)?;
                let stream = TcpStream::from_std(stream)?;
                let peer = stream.peer_addr()?;
                admit(shared, stream, security, peer);
            }
        }
        Ok(Self(tasks))
    }

    /// Whether no more connections are accepted.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_empty()
    }

    /// Stops accepting. When it returns, every connection that was accepted has been admitted or refused.
    pub(crate) async fn close(&mut self) {
        for task in self.0.drain(..) {
            task.abort();
            // It may be admitting a connection.
            let _ = task.await;
        }
    }
}

fn listen_on(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::from(socket);
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Accepts connections on one socket, forever.
async fn accept(shared: Arc<Shared>, listener: TcpListener, security: Security) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if sys::reserve::is_short() => {
                if shared.shortage_lines.admit(Instant::now()).is_some() {
                    tracing::error!("memory is short: nobody is let in; running sessions go on");
                }
                refusal::refuse(&shared, &stream, security, peer.ip().to_canonical());
            }
            Ok((stream, peer)) => admit(&shared, stream, security, peer),
            Err(error) if is_transient(&error) => {}
            Err(error) => {
                // There are no descriptors or no memory. Running sessions go on and will free some.
                if shared.shortage_lines.admit(Instant::now()).is_some() {
                    tracing::error!("no connection can be accepted: {error}; running sessions go on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, security: Security, peer: SocketAddr) {
    let session = shared.next_session();
    let peer = peer.ip().to_canonical();
    let most = shared.settings.max_servers;
    let admitted = Origin::of(shared, peer, None)
        .and_then(|origin| Some((origin, shared.connections.admit(session, peer, &shared.counters, most)?)));
    let Some((origin, Admitted { record, evicted })) = admitted else {
        return refusal::refuse(shared, &stream, security, peer);
    };
    step!(session, "session", "accept", "accepted", ip = %peer);
    if let Some(evicted) = evicted {
        refusal::count(shared, evicted.peer());
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let _entry = TableEntry(&shared, session);
        let origin = match shared.settings.proxies.send_headers(peer) {
            // Boxed, so that the tasks of ordinary connections need no room for it.
            true => Box::pin(proxy_header::origin(&shared, &stream, security, &record)).await,
            false => Some(origin),
        };
        if let Some(origin) = origin {
            ConnectionHandler::new(shared.clone(), stream, security, record, origin).serve().await;
        }
    });
}

/// Removes a connection from the table when its task ends, even by a panic.
struct TableEntry<'a>(&'a Shared, u64);

impl Drop for TableEntry<'_> {
    fn drop(&mut self) {
        self.0.connections.remove(self.1);
    }
}

/// Whether the next call may succeed at once: the client was gone already, or the network failed briefly
/// (accept(2)).
fn is_transient(error: &io::Error) -> bool {
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

//! The session role: accepts connections and holds the whole POP3 dialogue of every one.
//!
//! It reads what hostile strangers send, so it owns nothing that is worth stealing: no file by
//! name, no capability, an empty directory for a root. Mail reaches it as descriptors.

mod accept;
mod backlog;
mod bodies;
mod buffers;
mod certificate;
mod connection;
mod counters;
mod desk;
mod ending;
mod histogram;
mod link;
mod mail;
mod metrics;
mod notes;
mod offer;
mod origin;
mod proxied;
mod rarely;
mod socket;
mod stream;
mod transport;
mod visits;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ::auth::{Network, Penalties, Seats};
use ipc::steer::{FromSession, Question, Restarts, ToSession, Told};
use pop3::Shutdown;
use rustls::ServerConfig;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use vocabulary::AllowPlaintext;

use crate::listen::{Listener, Security};
use crate::log::render;
use accept::{Doors, Remarks};
use counters::Counters;
use desk::Desk;
use link::Link;
pub(crate) use offer::Offer;
use offer::Offers;
pub(crate) use origin::Proxies;
use socket::Socket;
use visits::Visits;

/// The ends of the channels that this role has.
pub(crate) struct Channels<'a> {
    /// Where clients connect. Owned: when the role stops accepting, nothing of it listens any more.
    pub(crate) arrivals: Arrivals,
    /// Where Prometheus asks, if it does: a socket that listens.
    pub(crate) metrics: Option<OwnedFd>,
    /// To auth.
    pub(crate) logins: &'a OwnedFd,
    /// From and to the supervisor.
    pub(crate) steer: &'a OwnedFd,
}

/// Where connections come from.
pub(crate) enum Arrivals {
    /// Sockets that listen.
    Listeners(Vec<Listener>),
    /// This one connection, and no other after it.
    One(OwnedFd, Security),
}

impl Arrivals {
    /// The sockets that listen.
    pub(crate) fn listeners(&self) -> &[Listener] {
        match self {
            Arrivals::Listeners(listeners) => listeners,
            Arrivals::One(..) => &[],
        }
    }

    /// All sockets.
    pub(crate) fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Arrivals::Listeners(listeners) => {
                listeners.iter().map(|listener| listener.socket.as_fd()).collect()
            }
            Arrivals::One(connection, _) => vec![connection.as_fd()],
        }
    }

    /// The same sockets under these descriptors, which are as many and in the same order.
    pub(crate) fn under(&self, descriptors: Vec<OwnedFd>) -> Arrivals {
        let mut descriptors = descriptors.into_iter();
        match self {
            Arrivals::Listeners(listeners) => {
                let pairs = listeners.iter().zip(descriptors);
                Arrivals::Listeners(
                    pairs.map(|(listener, socket)| Listener { socket, ..*listener }).collect(),
                )
            }
            Arrivals::One(_, security) => match descriptors.next() {
                Some(connection) => Arrivals::One(connection, *security),
                None => Arrivals::Listeners(Vec::new()),
            },
        }
    }
}

/// What the role keeps to.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The text after the +OK of the greeting.
    pub(crate) greeting: String,
    /// How long a client may be silent, or take nothing of what is sent to it.
    pub(crate) timeout: Duration,
    /// How long a client may take until it has logged in.
    pub(crate) login_timeout: Duration,
    /// The most connections at a time.
    pub(crate) max_servers: usize,
    /// The most connections at a time from one network: an IPv4 address, or an IPv6 /64.
    pub(crate) max_servers_per_ip: u32,
    /// The most sessions at a time of one user.
    pub(crate) max_servers_per_user: u32,
    /// How long the answer to a first failed login is held back.
    pub(crate) auth_failure_delay: Duration,
    /// Whether passwords are kept out of the users' own logs.
    pub(crate) passsecret: bool,
    /// From where passwords may come without TLS.
    pub(crate) allow_plaintext: AllowPlaintext,
    /// Who may say that it speaks for others.
    pub(crate) proxies: Proxies,
    /// What to encrypt with, if TLS is configured. Read by this role, while it still may: no other process has the key.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Whether STLS is offered, when there is something to encrypt with.
    pub(crate) stls: bool,
    /// The SASL mechanisms.
    pub(crate) sasl: Offer,
    /// The rules of the dialogue.
    pub(crate) policy: Arc<pop3::Policy>,
}

/// What all connections share.
struct House {
    limits: Limits,
    desk: Desk,
    visits: Visits,
    counters: Arc<Counters>,
    /// Connections by network, and sessions by user.
    network_seats: Seats<Network>,
    user_seats: Seats<String>,
    penalties: Mutex<Penalties>,
    offers: Offers,
    /// How often roles had to be started again, as the supervisor counts it.
    restarts: Mutex<Restarts>,
    remarks: Remarks,
    /// Turns at computing a step of a TLS handshake: one for each thread.
    handshakes: Semaphore,
    next_session: AtomicU64,
    /// When the role began, in seconds since 1970.
    began: u64,
}

/// Runs the role until the supervisor says so or is gone. Returns the exit status.
pub(crate) fn run(channels: Channels<'_>, mut limits: Limits, generation: u32) -> i32 {
    let most = connections_within(sys::process::descriptor_limit());
    if limits.max_servers > most {
        tracing::warn!(
            "max_servers: {most} at a time; for more, raise the limit of open files (LimitNOFILE, ulimit -n)"
        );
        limits.max_servers = most;
    }
    sys::reserve::keep(RESERVE);
    let ended = runtime().and_then(|runtime| runtime.block_on(hold(channels, limits, generation)));
    match ended {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("session ends: {error}");
            1
        }
    }
}

/// What is kept for when memory runs out, in octets: enough for the sessions that run to go on.
const RESERVE: usize = 16 << 20;

/// How many connections so many descriptors are enough for. An eighth is left for messages on their way to clients, and some
/// for the channels: who is one too many shall be told so, and the sessions that run shall go on.
fn connections_within(descriptors: u64) -> usize {
    const CHANNELS: u64 = 24;
    usize::try_from(descriptors - descriptors / 8)
        .unwrap_or(usize::MAX)
        .saturating_sub(CHANNELS as usize)
        .max(1)
}

/// One thread for every two cores: auth and maildrop processes need the others. With one thread
/// there is nothing to hand over between threads, which is a fifth of the cost of a short session.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2).max(1)
}

fn runtime() -> io::Result<Runtime> {
    match threads() {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

async fn hold(channels: Channels<'_>, limits: Limits, generation: u32) -> io::Result<()> {
    let house = Arc::new(House {
        desk: Desk::new(Socket::new(channels.logins.try_clone()?)?, generation),
        visits: Visits::default(),
        counters: Arc::default(),
        network_seats: Seats::new(limits.max_servers_per_ip),
        user_seats: Seats::new(limits.max_servers_per_user),
        penalties: Mutex::new(Penalties::new(limits.auth_failure_delay, Instant::now())),
        offers: Offers::new(limits.sasl.clone()),
        restarts: Mutex::default(),
        remarks: Remarks::default(),
        handshakes: Semaphore::new(threads()),
        next_session: AtomicU64::new(u64::from(generation) << 32),
        began: render::now(SystemTime::now()),
        limits,
    });
    let steer = Socket::new(channels.steer.try_clone()?)?;
    let desk = house.clone();
    tokio::spawn(async move { desk.desk.hear().await });
    let mut doors = Doors::open(&house, channels.arrivals, channels.metrics)?;
    steer.send(&FromSession::Ready, &[]).await.map_err(io::Error::other)?;

    loop {
        let order = tokio::select! {
            order = steer.receive::<ToSession>() => order,
            () = house.visits.none_left(), if doors.are_closed() => {
                let counted = FromSession::Ending(house.counters.figures().totals());
                // Where it cannot be told, some figures are lost and nothing else.
                let _ = steer.try_send(&counted, &[]);
                return Ok(());
            }
        };
        match order {
            Ok(Some((ToSession::Maildrop, descriptors))) => {
                for descriptor in descriptors {
                    let link = Arc::new(Link::new(Socket::new(descriptor)?));
                    tokio::spawn(link.hear(house.clone()));
                }
            }
            Ok(Some((ToSession::Unanswered(logins), _))) => {
                logins.into_iter().for_each(|login| house.desk.give_up(login));
            }
            Ok(Some((ToSession::Ask { number, question }, _))) => {
                house.answer(&steer, number, question).await
            }
            Ok(Some((ToSession::Restarted(restarts), _))) => *house.restarts() = restarts,
            Ok(Some((ToSession::Retire, _))) => doors.close().await,
            Ok(Some((ToSession::ShutDown, _))) => {
                doors.close().await;
                house.visits.end_all(Shutdown::Stopping);
            }
            // Without its supervisor nobody can log in.
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

impl House {
    fn penalties(&self) -> MutexGuard<'_, Penalties> {
        // A panic elsewhere leaves a table of counters as good as any.
        self.penalties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn restarts(&self) -> MutexGuard<'_, Restarts> {
        // It is replaced whole.
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the supervisor, which never waits for it.
    async fn answer(&self, steer: &Socket, number: u64, question: Question) {
        let (told, memory) = match question {
            Question::Figures => (Told::Figures(self.counters.figures()), None),
            Question::Kick(who) => (Told::Kicked(self.visits.kick(&who)), None),
            Question::Visitors => match ipc::report::pack(&self.visits.describe()) {
                Ok((packed, memory)) => (Told::Visitors(packed), memory),
                Err(error) => {
                    tracing::error!("the list of connections cannot be passed on: {error}");
                    (Told::Failed, None)
                }
            },
        };
        let memory: Vec<_> = memory.iter().map(AsFd::as_fd).collect();
        if let Err(error) = steer.send(&FromSession::Answer { number, told }, &memory).await {
            tracing::error!("the supervisor cannot be answered: {error}");
        }
    }

    fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }
}

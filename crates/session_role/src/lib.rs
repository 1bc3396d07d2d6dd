//! The session role: accepts connections and holds the whole POP3 dialogue of every one.
//!
//! It reads what hostile strangers send, so it owns nothing that is worth stealing: no file by
//! name, no capability, an empty directory for a root. Mail reaches it as descriptors.
#![forbid(unsafe_code)]

mod accept;
mod arrivals;
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
mod mechanisms;
mod metrics;
mod network;
mod notes;
mod offer;
mod origin;
mod penalty;
mod proxied;
mod rarely;
mod seats;

mod stream;
pub mod tls;
mod transport;
mod visits;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ipc::steer::{FromSession, Question, Restarts, ToSession, Told};
use pop3::Shutdown;
use rustls::ServerConfig;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use vocabulary::AllowPlaintext;

use accept::{Doors, Remarks};
pub use arrivals::{Arrivals, Listener, Security};
use counters::Counters;
use desk::Desk;
use ipc::socket::MessageSocket;
use link::Link;
use logging::render;
use network::Network;
pub use offer::Offer;
use offer::Offers;
pub use origin::Proxies;
use penalty::Penalties;
use seats::Seats;
use visits::Visits;

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// Where clients connect. Owned: when the role stops accepting, nothing of it listens any more.
    pub arrivals: Arrivals,
    /// Where Prometheus asks, if it does: a socket that listens.
    pub metrics: Option<OwnedFd>,
    /// To auth.
    pub logins: &'a OwnedFd,
    /// From and to the supervisor.
    pub steer: &'a OwnedFd,
}

/// What the role keeps to.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The text after the +OK of the greeting.
    pub greeting: String,
    /// How long a client may be silent, or take nothing of what is sent to it.
    pub timeout: Duration,
    /// How long a client may take until it has logged in.
    pub login_timeout: Duration,
    /// The most connections at a time.
    pub max_servers: usize,
    /// The most connections at a time from one network: an IPv4 address, or an IPv6 /64.
    pub max_servers_per_ip: u32,
    /// The most sessions at a time of one user.
    pub max_servers_per_user: u32,
    /// How long the answer to a first failed login is held back.
    pub auth_failure_delay: Duration,
    /// Whether passwords are kept out of the users' own logs.
    pub passsecret: bool,
    /// From where passwords may come without TLS.
    pub allow_plaintext: AllowPlaintext,
    /// Who may say that it speaks for others.
    pub proxies: Proxies,
    /// What to encrypt with, if TLS is configured. Read by this role, while it still may: no other process has the key.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether STLS is offered, when there is something to encrypt with.
    pub stls: bool,
    /// The SASL mechanisms.
    pub sasl: Offer,
    /// The rules of the dialogue.
    pub policy: Arc<pop3::Policy>,
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
pub fn run(channels: Channels<'_>, mut limits: Limits, generation: u32) -> i32 {
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
        desk: Desk::new(MessageSocket::new(channels.logins.try_clone()?)?, generation),
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
    let steer = MessageSocket::new(channels.steer.try_clone()?)?;
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
                    let link = Arc::new(Link::new(MessageSocket::new(descriptor)?));
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
    async fn answer(&self, steer: &MessageSocket, number: u64, question: Question) {
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

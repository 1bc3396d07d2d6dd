//! What all connections share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use ipc::socket::MessageSocket;
use ipc::steer::Restarts;
use logging::render;
use tokio::sync::Semaphore;

use crate::limits::{Network, Penalties, Quota, RateLimit};
use crate::login::{OfferedMechanisms, PendingLogins};
use crate::metrics::Counters;
use crate::settings::Settings;
use crate::table::ConnectionTable;

/// The largest number of lines a minute about connections that are refused.
const MOST_REFUSAL_LINES: u32 = 300;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) logins: PendingLogins,
    pub(crate) connections: ConnectionTable,
    pub(crate) counters: Arc<Counters>,
    /// Connections by network.
    pub(crate) network_quota: Quota<Network>,
    /// Sessions by user.
    pub(crate) user_quota: Quota<String>,
    pub(crate) mechanisms: OfferedMechanisms,
    /// Permits for computing a step of a TLS handshake: one for each thread.
    pub(crate) handshakes: Semaphore,
    /// Limits the log lines about refused connections.
    pub(crate) refusal_lines: RateLimit,
    /// Limits the log lines about a lack of memory or descriptors.
    pub(crate) shortage_lines: RateLimit,
    /// When the role started, in seconds since 1970.
    pub(crate) began: u64,
    penalties: Mutex<Penalties>,
    /// How often roles were restarted, as the supervisor counts it.
    restarts: Mutex<Restarts>,
    next_session: AtomicU64,
}

impl Shared {
    /// `logins` is the channel to auth; `threads` is the number of threads that serve connections.
    pub(crate) fn new(settings: Settings, logins: MessageSocket, generation: u32, threads: usize) -> Self {
        Self {
            logins: PendingLogins::new(logins, generation),
            connections: ConnectionTable::default(),
            counters: Arc::default(),
            network_quota: Quota::new(settings.max_servers_per_ip),
            user_quota: Quota::new(settings.max_servers_per_user),
            mechanisms: OfferedMechanisms::new(settings.sasl.clone()),
            handshakes: Semaphore::new(threads),
            refusal_lines: RateLimit::new(MOST_REFUSAL_LINES),
            shortage_lines: RateLimit::new(1),
            began: render::now(SystemTime::now()),
            penalties: Mutex::new(Penalties::new(settings.auth_failure_delay, Instant::now())),
            restarts: Mutex::default(),
            next_session: AtomicU64::new(u64::from(generation) << 32),
            settings,
        }
    }

    pub(crate) fn penalties(&self) -> MutexGuard<'_, Penalties> {
        // It is a table of counters: a panic elsewhere leaves it usable.
        self.penalties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn restarts(&self) -> MutexGuard<'_, Restarts> {
        // It is only ever replaced as a whole.
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for the next connection.
    pub(crate) fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }
}

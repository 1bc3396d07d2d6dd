//! What is known of one connection.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipc::report::{Activity, ConnectionInfo};

use super::stop_signal::StopSignal;
use crate::metrics::Counters;

/// What is known of one connection outside its own task.
pub(crate) struct ConnectionRecord {
    /// Its number, `session=` in the log.
    pub(crate) session: u64,
    /// Tells it to end.
    pub(crate) stop: Arc<StopSignal>,
    counters: Arc<Counters>,
    since: Instant,
    /// When the client last sent or accepted anything: milliseconds after `since`.
    last_active: AtomicU64,
    octets_sent: AtomicU64,
    /// Whether it was told to make way for another connection. The table changes it, under its lock.
    pub(super) evicted: AtomicBool,
    details: Mutex<ConnectionDetails>,
}

/// What changes rarely.
struct ConnectionDetails {
    /// The client's address; behind a proxy, the one that the proxy names.
    peer: IpAddr,
    user: Option<String>,
    tls: &'static str,
    state: Activity,
    messages: u32,
}

impl ConnectionRecord {
    pub(super) fn new(session: u64, peer: IpAddr, counters: Arc<Counters>) -> Self {
        let details =
            ConnectionDetails { peer, user: None, tls: "none", state: Activity::Authorization, messages: 0 };
        counters.connections.add(1);
        counters.connections_open.add(1);
        Self {
            session,
            stop: Arc::default(),
            counters,
            since: Instant::now(),
            last_active: AtomicU64::new(0),
            octets_sent: AtomicU64::new(0),
            evicted: AtomicBool::new(false),
            details: Mutex::new(details),
        }
    }

    /// Counts octets that the client accepted.
    pub(crate) fn sent(&self, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.octets_sent.fetch_add(octets, Ordering::Relaxed);
        self.counters.octets_sent.add(octets);
        self.set_active();
    }

    /// Counts octets that the client sent.
    pub(crate) fn received(&self, octets: usize) {
        self.counters.octets_received.add(u64::try_from(octets).unwrap_or(u64::MAX));
        self.set_active();
    }

    /// The client's address; behind a proxy, the one that the proxy names.
    pub(crate) fn peer(&self) -> IpAddr {
        self.details().peer
    }

    /// Records the address that a proxy names.
    pub(crate) fn set_peer(&self, peer: IpAddr) {
        self.details().peer = peer;
    }

    /// Records that the connection is encrypted by this version of TLS.
    pub(crate) fn encrypted(&self, version: &'static str) {
        self.details().tls = version;
    }

    /// Records that the user has logged in to a maildrop with this number of messages.
    pub(crate) fn logged_in(&self, user: &str, messages: u32) {
        let mut details = self.details();
        (details.user, details.state, details.messages) =
            (Some(user.to_owned()), Activity::Transaction, messages);
        self.counters.logins.add(1);
        self.counters.sessions_open.add(1);
    }

    /// Records that the client sent QUIT.
    pub(crate) fn finishing(&self) {
        self.details().state = Activity::Update;
    }

    fn set_active(&self) {
        self.last_active.store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    pub(super) fn describe(&self) -> ConnectionInfo {
        let age = millis(self.since.elapsed());
        let details = self.details();
        ConnectionInfo {
            session: self.session,
            peer: details.peer,
            user: details.user.clone(),
            tls: details.tls.to_owned(),
            state: details.state,
            seconds: age / 1000,
            idle: age.saturating_sub(self.last_active.load(Ordering::Relaxed)) / 1000,
            messages: details.messages,
            octets_sent: self.octets_sent.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_of(&self, user: &str) -> bool {
        self.details().user.as_deref() == Some(user)
    }

    fn details(&self) -> MutexGuard<'_, ConnectionDetails> {
        // Every change is a plain assignment, so a panic elsewhere leaves it consistent.
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionRecord {
    fn drop(&mut self) {
        self.counters.connections_open.subtract(1);
        if self.details().user.is_some() {
            self.counters.sessions_open.subtract(1);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

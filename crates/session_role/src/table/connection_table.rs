//! All connections, and how they are limited and ended.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipc::report::ConnectionInfo;
use pop3::Shutdown;
use tokio::sync::Notify;

use super::record::ConnectionRecord;
use crate::metrics::Counters;

/// All open connections.
#[derive(Default)]
pub(crate) struct ConnectionTable {
    inner: Mutex<TableState>,
    emptied: Notify,
}

#[derive(Default)]
struct TableState {
    open: HashMap<u64, Arc<ConnectionRecord>>,
    /// The numbers of those that have not logged in and may be evicted. The lowest is the oldest.
    unauthenticated: BTreeSet<u64>,
    /// The number of open connections that were told to make way for another.
    evicting: usize,
    closing: bool,
}

/// The largest number of connections that may be told to make way before the first of them is closed.
const MOST_EVICTING: usize = 64;

/// A connection that was admitted.
pub(crate) struct Admitted {
    pub(crate) record: Arc<ConnectionRecord>,
    /// The connection that makes way for it, if the table was full.
    pub(crate) evicted: Option<Arc<ConnectionRecord>>,
}

impl ConnectionTable {
    /// Admits a connection. When there are `most` already, the one that has been trying to log in for longest
    /// makes way: filling the server with idle connections must not keep users out. `None` when all are
    /// logged in, or the server is closing.
    pub(crate) fn admit(
        &self,
        session: u64,
        peer: IpAddr,
        counters: &Arc<Counters>,
        most: usize,
    ) -> Option<Admitted> {
        let mut table = self.lock();
        if table.closing {
            return None;
        }
        let full = table.open.len() - table.evicting >= most;
        let evicted = if full { Some(table.evict()?) } else { None };
        let record = Arc::new(ConnectionRecord::new(session, peer, counters.clone()));
        table.open.insert(session, record.clone());
        table.unauthenticated.insert(session);
        Some(Admitted { record, evicted })
    }

    /// Records that the connection has logged in: it is not evicted any more.
    pub(crate) fn logged_in(&self, session: u64) {
        self.lock().unauthenticated.remove(&session);
    }

    /// Removes a connection that is closed.
    pub(crate) fn remove(&self, session: u64) {
        let mut table = self.lock();
        let removed = table.open.remove(&session);
        table.unauthenticated.remove(&session);
        if removed.is_some_and(|record| record.evicted.load(Ordering::Relaxed)) {
            table.evicting -= 1;
        }
        if table.open.is_empty() {
            self.emptied.notify_one();
        }
    }

    /// What is known of each connection, the oldest first.
    pub(crate) fn describe(&self) -> Vec<ConnectionInfo> {
        let mut visitors: Vec<ConnectionInfo> =
            self.lock().open.values().map(|record| record.describe()).collect();
        visitors.sort_unstable_by_key(|visitor| visitor.session);
        visitors
    }

    /// Ends the sessions of the user `target`. If there are none, ends the session whose number is `target`
    /// in hexadecimal. Returns how many it ends.
    pub(crate) fn kick(&self, target: &str) -> u32 {
        let table = self.lock();
        let mut kicked: Vec<&Arc<ConnectionRecord>> =
            table.open.values().filter(|record| record.is_of(target)).collect();
        if kicked.is_empty() {
            let session = u64::from_str_radix(target, 16).ok();
            kicked.extend(session.and_then(|session| table.open.get(&session)));
        }
        for record in &kicked {
            record.stop.stop(Shutdown::Kicked);
        }
        u32::try_from(kicked.len()).unwrap_or(u32::MAX)
    }

    /// Ends all connections, and admits no more.
    pub(crate) fn stop_all(&self, reason: Shutdown) {
        let mut table = self.lock();
        table.closing = true;
        for record in table.open.values() {
            record.stop.stop(reason);
        }
        if table.open.is_empty() {
            self.emptied.notify_one();
        }
    }

    /// Waits until all connections are closed. More may come while connections are accepted.
    pub(crate) async fn emptied(&self) {
        while !self.lock().open.is_empty() {
            self.emptied.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, TableState> {
        // Every change is one call on the map, so a panic elsewhere leaves it consistent.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TableState {
    /// Tells the oldest connection that has not logged in to make way.
    fn evict(&mut self) -> Option<Arc<ConnectionRecord>> {
        if self.evicting >= MOST_EVICTING {
            return None;
        }
        let record = self.open.get(&self.unauthenticated.pop_first()?)?;
        record.evicted.store(true, Ordering::Relaxed);
        record.stop.stop(Shutdown::Busy);
        self.evicting += 1;
        Some(record.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        table: ConnectionTable,
        counters: Arc<Counters>,
    }

    impl Fixture {
        fn new() -> Self {
            Self { table: ConnectionTable::default(), counters: Arc::default() }
        }

        fn admit(&self, session: u64, most: usize) -> Option<Arc<ConnectionRecord>> {
            Some(self.admitted(session, most)?.record)
        }

        fn admitted(&self, session: u64, most: usize) -> Option<Admitted> {
            self.table.admit(session, IpAddr::from([127, 0, 0, 1]), &self.counters, most)
        }
    }

    #[test]
    fn the_limit_counts_those_that_are_there() {
        let fixture = Fixture::new();
        assert!(fixture.admit(1, 2).is_some() && fixture.admit(2, 2).is_some());
        fixture.table.logged_in(1);
        fixture.table.logged_in(2);
        assert!(fixture.admit(3, 2).is_none(), "those that are logged in do not make way");
        fixture.table.remove(1);
        assert!(fixture.admit(3, 2).is_some());
        let figures = fixture.counters.figures();
        assert_eq!((figures.connections, figures.connections_total), (2, 3));
    }

    #[test]
    fn the_oldest_that_has_not_logged_in_makes_way() {
        let fixture = Fixture::new();
        let records = [1, 2, 3].map(|session| fixture.admit(session, 3).unwrap());
        fixture.table.logged_in(1);
        assert_eq!(fixture.admitted(4, 3).unwrap().evicted.unwrap().session, 2);
        let reasons = records.each_ref().map(|record| record.stop.reason());
        assert_eq!(reasons, [None, Some(Shutdown::Busy), None]);
        fixture.table.remove(2);
        fixture.table.remove(3);
        assert!(fixture.admitted(5, 3).unwrap().evicted.is_none(), "two are gone, and one came");
        assert_eq!(fixture.admitted(6, 3).unwrap().evicted.unwrap().session, 4);
    }

    #[test]
    fn only_so_many_make_way_at_a_time() {
        let fixture = Fixture::new();
        let most = u64::try_from(MOST_EVICTING).unwrap();
        assert!((0..2 * most).all(|session| fixture.admit(session, MOST_EVICTING).is_some()));
        assert!(fixture.admit(2 * most, MOST_EVICTING).is_none());
        fixture.table.remove(0);
        assert!(fixture.admit(2 * most, MOST_EVICTING).is_some());
    }

    #[test]
    fn a_stop_reaches_everybody_and_the_first_reason_counts() {
        let fixture = Fixture::new();
        let record = fixture.admit(1, 9).unwrap();
        record.stop.stop(Shutdown::ServerError);
        fixture.table.stop_all(Shutdown::Stopping);
        assert_eq!(record.stop.reason(), Some(Shutdown::ServerError));
        assert!(fixture.admit(2, 9).is_none(), "a closing server admits nobody");
    }

    #[test]
    fn a_kick_ends_the_sessions_of_a_user_or_else_the_one_of_that_number() {
        let fixture = Fixture::new();
        let records = [0xa1, 0xa2, 0xbee].map(|session| fixture.admit(session, 9).unwrap());
        records[0].logged_in("alice", 3);
        records[1].logged_in("bee", 0);
        let kicked = || records.each_ref().map(|record| record.stop.reason().is_some());
        assert_eq!((fixture.table.kick("bob"), fixture.table.kick("a3")), (0, 0));
        assert_eq!((fixture.table.kick("bee"), kicked()), (1, [false, true, false]), "names come first");
        assert_eq!((fixture.table.kick("a1"), kicked()), (1, [true, true, false]));
        assert_eq!(records[0].stop.reason(), Some(Shutdown::Kicked));
    }

    #[test]
    fn what_happened_is_described_and_counted() {
        let fixture = Fixture::new();
        let record = fixture.admit(7, 9).unwrap();
        record.encrypted("TLSv1.3");
        record.logged_in("alice", 3);
        record.sent(1000);
        record.received(10);
        let [visitor] = &fixture.table.describe()[..] else { panic!("one") };
        assert_eq!((visitor.user.as_deref(), visitor.messages), (Some("alice"), 3));
        assert_eq!((visitor.octets_sent, visitor.tls.as_str()), (1000, "TLSv1.3"));
        assert_eq!(fixture.counters.figures().sessions, 1);
        fixture.table.remove(7);
        drop(record);
        let figures = fixture.counters.figures();
        assert_eq!((figures.sessions, figures.logins, figures.octets_sent), (0, 1, 1000));
        assert_eq!((figures.connections, figures.octets_received), (0, 10));
    }
}

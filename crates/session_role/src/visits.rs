//! The connections there are: what is known of each, and how all are ended.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipc::report::{Activity, Visitor};
use pop3::Shutdown;
use tokio::sync::Notify;

use crate::counters::Counters;
use crate::ending::Ending;

/// One connection, as others see it.
pub(crate) struct Visit {
    /// Its number, `session=` in the log.
    pub(crate) session: u64,
    /// How it is told to end.
    pub(crate) ending: Arc<Ending>,
    counters: Arc<Counters>,
    since: Instant,
    /// When the client last said or took something: milliseconds after `since`.
    stirred: AtomicU64,
    octets_sent: AtomicU64,
    /// It was told to make room. Under the lock of [`Visits`].
    made_room: AtomicBool,
    facts: Mutex<Facts>,
}

/// What changes only now and then.
struct Facts {
    /// The address that counts.
    peer: IpAddr,
    user: Option<String>,
    tls: &'static str,
    state: Activity,
    messages: u32,
}

impl Visit {
    fn new(session: u64, peer: IpAddr, counters: Arc<Counters>) -> Visit {
        let facts = Facts { peer, user: None, tls: "none", state: Activity::Authorization, messages: 0 };
        counters.connections.add(1);
        counters.connections_open.add(1);
        Visit {
            session,
            ending: Arc::default(),
            counters,
            since: Instant::now(),
            stirred: AtomicU64::new(0),
            octets_sent: AtomicU64::new(0),
            made_room: AtomicBool::new(false),
            facts: Mutex::new(facts),
        }
    }

    /// The client has taken so many octets.
    pub(crate) fn sent(&self, octets: usize) {
        let octets = octets as u64;
        self.octets_sent.fetch_add(octets, Ordering::Relaxed);
        self.counters.octets_sent.add(octets);
        self.stir();
    }

    /// The client has said so many octets.
    pub(crate) fn received(&self, octets: usize) {
        self.counters.octets_received.add(octets as u64);
        self.stir();
    }

    /// The address that counts.
    pub(crate) fn peer(&self) -> IpAddr {
        self.facts().peer
    }

    /// A proxy says that the client is at this address.
    pub(crate) fn comes_from(&self, peer: IpAddr) {
        self.facts().peer = peer;
    }

    /// The connection is encrypted by this version of TLS.
    pub(crate) fn encrypted(&self, version: &'static str) {
        self.facts().tls = version;
    }

    /// The user is logged in to a maildrop of so many messages.
    pub(crate) fn logged_in(&self, user: &str, messages: u32) {
        let mut facts = self.facts();
        (facts.user, facts.state, facts.messages) = (Some(user.to_owned()), Activity::Transaction, messages);
        self.counters.logins.add(1);
        self.counters.sessions_open.add(1);
    }

    /// QUIT was said.
    pub(crate) fn finishing(&self) {
        self.facts().state = Activity::Update;
    }

    fn stir(&self) {
        self.stirred.store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    fn describe(&self) -> Visitor {
        let age = millis(self.since.elapsed());
        let facts = self.facts();
        Visitor {
            session: self.session,
            peer: facts.peer,
            user: facts.user.clone(),
            tls: facts.tls.to_owned(),
            state: facts.state,
            seconds: age / 1000,
            idle: age.saturating_sub(self.stirred.load(Ordering::Relaxed)) / 1000,
            messages: facts.messages,
            octets_sent: self.octets_sent.load(Ordering::Relaxed),
        }
    }

    fn is_of(&self, user: &str) -> bool {
        self.facts().user.as_deref() == Some(user)
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Every change is a plain assignment: a panic elsewhere leaves it whole.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.counters.connections_open.subtract(1);
        if self.facts().user.is_some() {
            self.counters.sessions_open.subtract(1);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All connections there are.
#[derive(Default)]
pub(crate) struct Visits {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    living: HashMap<u64, Arc<Visit>>,
    /// Those that have not logged in and can make room, by their numbers: the first came first.
    strangers: BTreeSet<u64>,
    /// How many of the living were told to make room.
    leaving: usize,
    closing: bool,
}

/// How many may be told to make room before the first of them is gone.
const MOST_LEAVING: usize = 64;

/// A connection that was taken in.
pub(crate) struct Admitted {
    pub(crate) visit: Arc<Visit>,
    /// Who makes room for it, if there was none.
    pub(crate) instead_of: Option<Arc<Visit>>,
}

impl Visits {
    /// Takes a connection in. When there are `most` already, the one makes room that has taken longest to log in: whoever
    /// fills the server with connections that do nothing keeps nobody out who comes to fetch mail. `None` when all are
    /// logged in, or the server is closing.
    pub(crate) fn admit(
        &self,
        session: u64,
        peer: IpAddr,
        counters: &Arc<Counters>,
        most: usize,
    ) -> Option<Admitted> {
        let mut inner = self.lock();
        if inner.closing {
            return None;
        }
        let full = inner.living.len() - inner.leaving >= most;
        let instead_of = if full { Some(inner.turn_out()?) } else { None };
        let visit = Arc::new(Visit::new(session, peer, counters.clone()));
        inner.living.insert(session, visit.clone());
        inner.strangers.insert(session);
        Some(Admitted { visit, instead_of })
    }

    /// It is logged in, and makes room for nobody.
    pub(crate) fn logged_in(&self, session: u64) {
        self.lock().strangers.remove(&session);
    }

    /// The connection is closed.
    pub(crate) fn left(&self, session: u64) {
        let mut inner = self.lock();
        let left = inner.living.remove(&session);
        inner.strangers.remove(&session);
        if left.is_some_and(|visit| visit.made_room.load(Ordering::Relaxed)) {
            inner.leaving -= 1;
        }
        if inner.living.is_empty() {
            self.changed.notify_one();
        }
    }

    /// What is known of each, in the order in which they came.
    pub(crate) fn describe(&self) -> Vec<Visitor> {
        let mut visitors: Vec<Visitor> = self.lock().living.values().map(|visit| visit.describe()).collect();
        visitors.sort_unstable_by_key(|visitor| visitor.session);
        visitors
    }

    /// Ends the sessions of a user; if there are none, the one whose number these hexadecimal digits are. Returns how
    /// many they are.
    pub(crate) fn kick(&self, who: &str) -> u32 {
        let inner = self.lock();
        let mut kicked: Vec<&Arc<Visit>> = inner.living.values().filter(|visit| visit.is_of(who)).collect();
        if kicked.is_empty() {
            let session = u64::from_str_radix(who, 16).ok();
            kicked.extend(session.and_then(|session| inner.living.get(&session)));
        }
        for visit in &kicked {
            visit.ending.end(Shutdown::Kicked);
        }
        u32::try_from(kicked.len()).unwrap_or(u32::MAX)
    }

    /// Ends all, and admits none any more.
    pub(crate) fn end_all(&self, why: Shutdown) {
        let mut inner = self.lock();
        inner.closing = true;
        for visit in inner.living.values() {
            visit.ending.end(why);
        }
        if inner.living.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Waits until every connection has left. Others may come, unless nobody accepts any.
    pub(crate) async fn none_left(&self) {
        while !self.lock().living.is_empty() {
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one call on the map: a panic elsewhere leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Tells the stranger who came first to make room.
    fn turn_out(&mut self) -> Option<Arc<Visit>> {
        if self.leaving >= MOST_LEAVING {
            return None;
        }
        let visit = self.living.get(&self.strangers.pop_first()?)?;
        visit.made_room.store(true, Ordering::Relaxed);
        visit.ending.end(Shutdown::Busy);
        self.leaving += 1;
        Some(visit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct House {
        visits: Visits,
        counters: Arc<Counters>,
    }

    impl House {
        fn new() -> House {
            House { visits: Visits::default(), counters: Arc::default() }
        }

        fn admit(&self, session: u64, most: usize) -> Option<Arc<Visit>> {
            Some(self.admitted(session, most)?.visit)
        }

        fn admitted(&self, session: u64, most: usize) -> Option<Admitted> {
            self.visits.admit(session, IpAddr::from([127, 0, 0, 1]), &self.counters, most)
        }
    }

    #[test]
    fn the_limit_counts_those_that_are_there() {
        let house = House::new();
        assert!(house.admit(1, 2).is_some() && house.admit(2, 2).is_some());
        house.visits.logged_in(1);
        house.visits.logged_in(2);
        assert!(house.admit(3, 2).is_none(), "whoever is logged in makes room for nobody");
        house.visits.left(1);
        assert!(house.admit(3, 2).is_some());
        let figures = house.counters.figures();
        assert_eq!((figures.connections, figures.connections_total), (2, 3));
    }

    #[test]
    fn who_takes_longest_to_log_in_makes_room() {
        let house = House::new();
        let visits = [1, 2, 3].map(|session| house.admit(session, 3).unwrap());
        house.visits.logged_in(1);
        assert_eq!(house.admitted(4, 3).unwrap().instead_of.unwrap().session, 2);
        let endings = visits.each_ref().map(|visit| visit.ending.why());
        assert_eq!(endings, [None, Some(Shutdown::Busy), None]);
        house.visits.left(2);
        house.visits.left(3);
        assert!(house.admitted(5, 3).unwrap().instead_of.is_none(), "two are gone, and one came");
        assert_eq!(house.admitted(6, 3).unwrap().instead_of.unwrap().session, 4);
    }

    #[test]
    fn those_that_make_room_are_waited_for_before_too_many_have_to() {
        let house = House::new();
        let most = MOST_LEAVING as u64;
        assert!((0..2 * most).all(|session| house.admit(session, MOST_LEAVING).is_some()));
        assert!(house.admit(2 * most, MOST_LEAVING).is_none());
        house.visits.left(0);
        assert!(house.admit(2 * most, MOST_LEAVING).is_some());
    }

    #[test]
    fn an_ending_reaches_everybody_and_the_first_reason_counts() {
        let house = House::new();
        let visit = house.admit(1, 9).unwrap();
        visit.ending.end(Shutdown::ServerError);
        house.visits.end_all(Shutdown::Stopping);
        assert_eq!(visit.ending.why(), Some(Shutdown::ServerError));
        assert!(house.admit(2, 9).is_none(), "a closing server admits nobody");
    }

    #[test]
    fn a_kick_ends_the_sessions_of_a_user_or_else_the_one_of_that_number() {
        let house = House::new();
        let visits = [0xa1, 0xa2, 0xbee].map(|session| house.admit(session, 9).unwrap());
        visits[0].logged_in("alice", 3);
        visits[1].logged_in("bee", 0);
        let kicked = || visits.each_ref().map(|visit| visit.ending.why().is_some());
        assert_eq!((house.visits.kick("bob"), house.visits.kick("a3")), (0, 0));
        assert_eq!((house.visits.kick("bee"), kicked()), (1, [false, true, false]), "names come first");
        assert_eq!((house.visits.kick("a1"), kicked()), (1, [true, true, false]));
        assert_eq!(visits[0].ending.why(), Some(Shutdown::Kicked));
    }

    #[test]
    fn what_happened_is_described_and_counted() {
        let house = House::new();
        let visit = house.admit(7, 9).unwrap();
        visit.encrypted("TLSv1.3");
        visit.logged_in("alice", 3);
        visit.sent(1000);
        visit.received(10);
        let [visitor] = &house.visits.describe()[..] else { panic!("one") };
        assert_eq!((visitor.user.as_deref(), visitor.messages), (Some("alice"), 3));
        assert_eq!((visitor.octets_sent, visitor.tls.as_str()), (1000, "TLSv1.3"));
        assert_eq!(house.counters.figures().sessions, 1);
        house.visits.left(7);
        drop(visit);
        let figures = house.counters.figures();
        assert_eq!((figures.sessions, figures.logins, figures.octets_sent), (0, 1, 1000));
        assert_eq!((figures.connections, figures.octets_received), (0, 10));
    }
}
